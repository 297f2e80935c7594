from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.cli import main
from vad_edge.errors import ConfigError, DataError
from vad_edge_export.package import ExportReport
from vad_edge_export.quantize.gate import Judge, LoweringLoss
from vad_edge_export.quantize.quantize import QuantizeReport, quantize_bundle
from vad_edge_training.fit.checkpoint import load_model, read_checkpoint

GATE = 0.05


def fp32_of(path: Path) -> bytes:
    bundle = read_bundle(path)
    return bundle.member(bundle.graph("fp32").member)


@pytest.fixture(scope="module")
def tuned(
    exported: ExportReport, checkpoint: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> QuantizeReport:
    """A quantization in which INT8 of the weights as they were is said to lose a tenth of the AUC more."""
    folder = tmp_path_factory.mktemp("tuned")
    honest, before = Judge.cost, fp32_of(exported.path)

    def cost(self: Judge, bundle: Bundle, graph: Graph) -> LoweringLoss:
        found = honest(self, bundle, graph)
        own = self._bundle
        harm = 0.1 if graph.precision == "int8" and own.member(own.graph("fp32").member) == before else 0.0
        return LoweringLoss(found.auc, found.auc_drop + harm, found.score_correlation, found.max_abs_diff)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Judge, "cost", cost)
        return quantize_bundle(
            exported.path,
            folder / "tuned.vadb",
            data=data,
            max_auc_drop=GATE,
            fine_tune=checkpoint,
            epochs=1,
            cache=folder / "cache",
        )


def test_where_int8_loses_too_much_the_bundle_is_of_the_fine_tuned_weights(
    tuned: QuantizeReport, exported: ExportReport
) -> None:
    tuning = tuned.fine_tuning
    assert tuning is not None
    assert tuning.needed
    assert tuning.kept
    assert tuning.int8_drop_before > GATE >= (tuning.int8_drop_after or 0.0)
    assert fp32_of(tuned.path) != fp32_of(exported.path)
    assert all(graph.kept_fp32 == () for graph in tuned.graphs)


def test_its_fp32_graph_was_compared_with_torch_again_and_says_what_was_done(
    tuned: QuantizeReport, exported: ExportReport
) -> None:
    origin, before = (read_bundle(path).manifest.provenance for path in (tuned.path, exported.path))
    assert 0 < origin.parity["max_rel_score"] < 1e-3
    assert origin.created >= before.created
    assert "fine-tuned for INT8, 1 epochs" in origin.notes
    assert origin.data_fingerprint == before.data_fingerprint


def test_the_checkpoint_of_the_fine_tuned_weights_is_left_beside_the_bundle(
    tuned: QuantizeReport, checkpoint: Path
) -> None:
    assert tuned.checkpoint == tuned.path.with_suffix(".ckpt")
    after, before = (load_model(path).state_dict() for path in (tuned.checkpoint, checkpoint))
    assert any(not torch.equal(value, before[name]) for name, value in after.items())
    facts = [read_checkpoint(path)["hyper_parameters"]["data"] for path in (tuned.checkpoint, checkpoint)]
    assert facts[0]["held_out_clips"] == facts[1]["held_out_clips"] != []


def test_a_fine_tuning_that_is_not_needed_says_so_and_changes_nothing(
    exported: ExportReport, checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "q.vadb"
    options = {"bundle": exported.path, "data": data, "output": output, "max-auc-drop": GATE}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    found = CliRunner().invoke(main, ["quantize", *arguments, "--fine-tune", str(checkpoint), "--json"])
    assert found.exit_code == 0, found.output
    tuning = json.loads(found.stdout)["fine_tuning"]
    assert (tuning["needed"], tuning["kept"], tuning["epochs"]) == (False, False, 0)
    assert fp32_of(output) == fp32_of(exported.path)
    assert not output.with_suffix(".ckpt").exists()


def test_epochs_without_a_fine_tuning_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle").touch()
    (tmp_path / "data").mkdir()
    arguments = [f"--{name}={tmp_path / name}" for name in ("bundle", "data", "output")]
    found = CliRunner().invoke(main, ["quantize", *arguments, "--epochs=2"])
    assert found.exit_code == 2
    assert "give --fine-tune CHECKPOINT too" in found.output


def test_a_checkpoint_of_another_model_is_refused(
    exported: ExportReport, checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    stored = torch.load(checkpoint, weights_only=True)
    stored["state_dict"]["model.encoder.layers.0.0.weight"] += 0.1 * torch.randn(1, 48, 1, 1)
    torch.save(stored, tmp_path / "other.ckpt")
    with pytest.raises(DataError, match="was not made from it; give the checkpoint that was exported"):
        quantize_bundle(exported.path, tmp_path / "q.vadb", data=data, fine_tune=tmp_path / "other.ckpt")


def test_footage_the_checkpoint_was_not_fitted_on_is_refused(
    exported: ExportReport, checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    (folder / "training").mkdir(parents=True)
    for clip in sorted((data / "training").iterdir())[1:]:
        (folder / "training" / clip.name).symlink_to(clip)
    with pytest.raises(DataError, match=r"it was fitted on other clips than those of .*; give the folder"):
        quantize_bundle(exported.path, tmp_path / "q.vadb", data=folder, fine_tune=checkpoint)


def test_the_given_checkpoint_is_never_written_over(
    exported: ExportReport, checkpoint: Path, data: Path
) -> None:
    with pytest.raises(ConfigError, match="would be written over the one that was given"):
        quantize_bundle(exported.path, checkpoint.with_suffix(".vadb"), data=data, fine_tune=checkpoint)
