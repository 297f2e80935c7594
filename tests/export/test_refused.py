"""What `vad-edge quantize` does without: graphs that lose too much."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.lowered_bundles import louder, narrower

import vad_edge_export.quantize.lowering as lowering_module
import vad_edge_export.quantize.quantize as quantize_module
import vad_edge_export.quantize.trial_footage as material_module
from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.bundle.manifest import Graph
from vad_edge.cli import main
from vad_edge.errors import EngineError
from vad_edge.inference.select import open_engine
from vad_edge_export.compare import compare_bundle
from vad_edge_export.package import ExportReport
from vad_edge_export.quantize.confirm import confirm
from vad_edge_export.quantize.emulate import emulate_int8
from vad_edge_export.quantize.gate import Judge, LoweringLoss
from vad_edge_export.quantize.int8 import Backend, Ranges
from vad_edge_export.quantize.lowering import Lowering
from vad_edge_export.quantize.outcome import Lowered, Refused
from vad_edge_export.quantize.quantize import QuantizeReport, quantize_bundle
from vad_edge_export.quantize.trial_footage import gather
from vad_edge_training.datasets.layouts import open_dataset

GATE = 0.05
LAYERS = ("encoder.layers.0.0", "encoder.layers.1.0")
NEVER = -1.0
"""A gate that nothing passes: no loss is less than none."""


@pytest.fixture(scope="module")
def narrow(exported: ExportReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two layers to lower."""
    output = tmp_path_factory.mktemp("narrow") / "narrow.vadb"
    return narrower(exported.path, output, [f"{layer}.weight" for layer in LAYERS])


@pytest.fixture(scope="module")
def loud(narrow: Path) -> Path:
    """The same, its values beyond what half precision can hold."""
    return louder(narrow, narrow.with_name("loud.vadb"), *LAYERS, 1e6)


@pytest.fixture
def tensorrt_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge finds that every INT8 graph for TensorRT loses a tenth of the AUC more."""
    honest, made = Judge.cost, lowering_module.to_int8
    losing: set[bytes] = set()

    def to_int8(graph: bytes, layers: list[str], ranges: Ranges, backend: Backend) -> bytes:
        contents = made(graph, layers, ranges, backend)
        if backend == "tensorrt":
            losing.add(emulate_int8(contents))
        return contents

    def cost(self: Judge, bundle: Bundle, graph: Graph) -> LoweringLoss:
        return more(honest(self, bundle, graph), 0.1 if bundle.member(graph.member) in losing else 0.0)

    monkeypatch.setattr(lowering_module, "to_int8", to_int8)
    monkeypatch.setattr(Judge, "cost", cost)


def more(cost: LoweringLoss, harm: float) -> LoweringLoss:
    return replace(cost, auc_drop=cost.auc_drop + harm)


def graphs_of(path: Path) -> list[tuple[str, str]]:
    return [(graph.precision, graph.backend) for graph in read_bundle(path).manifest.graphs]


def quantize(bundle: Path, data: Path, output: Path, *arguments: str) -> Result:
    options = [f"--bundle={bundle}", f"--data={data}", f"--output={output}", f"--max-auc-drop={GATE}"]
    return CliRunner().invoke(main, ["quantize", *options, *arguments])


def test_an_int8_graph_that_loses_too_much_is_left_out_and_the_others_are_written(
    narrow: Path, data: Path, tmp_path: Path, tensorrt_loses: None
) -> None:
    found = quantize(narrow, data, tmp_path / "q.vadb", "--json")
    assert found.exit_code == 0, found.output
    values = json.loads(found.stdout)
    (refused,) = values["refused"]
    assert (refused["precision"], refused["backend"]) == ("int8", "tensorrt")
    assert refused["reason"].startswith("int8 for tensorrt loses 0.1")
    assert refused["reason"].endswith("more than 0.05")
    assert refused["fix"] == "give more quantization data or --fine-tune CHECKPOINT, or raise --max-auc-drop"
    assert [graph["backend"] for graph in values["graphs"]] == ["any", "onnxruntime"]
    bundle = read_bundle(tmp_path / "q.vadb")
    assert graphs_of(bundle.path) == [("fp32", "any"), ("fp16", "any"), ("int8", "onnxruntime")]
    assert "model.int8.tensorrt.onnx" not in bundle.manifest.members
    assert all(graph.calibration is not None for graph in bundle.manifest.graphs)
    assert all("trial_auc" in graph.measured for graph in bundle.manifest.graphs[1:])
    assert bundle.graph(None, "tensorrt").precision == "fp16"


def test_people_read_what_it_lost_and_what_to_do_and_are_warned(
    narrow: Path, data: Path, tmp_path: Path, tensorrt_loses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    output = tmp_path / "q.vadb"
    found = quantize(narrow, data, output)
    assert found.exit_code == 0, found.output
    assert "Left out: int8 for tensorrt loses 0.1" in found.stdout
    assert "more than 0.05; give more quantization data or --fine-tune CHECKPOINT, or raise" in found.stdout
    assert f"{output} is written." in found.stdout
    assert f"vad-edge: warning: {output} goes without int8 for tensorrt\n" in found.stderr


def test_where_half_precision_can_hold_no_layer_the_int8_graphs_are_written(
    loud: Path, data: Path, tmp_path: Path
) -> None:
    found = quantize_bundle(loud, tmp_path / "q.vadb", data=data, max_auc_drop=GATE)
    (refused,) = found.refused
    assert (refused.precision, refused.backend) == ("fp16", "any")
    assert refused.reason.startswith(
        "fp16 ends at 65504, and the values of every layer go beyond it, those of"
    )
    assert refused.fix == "train the model with smaller weights"
    assert graphs_of(found.path) == [("fp32", "any"), ("int8", "onnxruntime"), ("int8", "tensorrt")]


def test_half_precision_that_loses_too_much_is_refused(narrow: Path, data: Path) -> None:
    bundle = read_bundle(narrow)
    lowering = Lowering(bundle, gather(bundle, open_dataset(data)), NEVER, lambda what, share: None)
    refused = lowering.half()
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("fp16 loses 0.0")
    assert refused.fix == "raise --max-auc-drop"


def test_half_precision_whose_scores_are_no_numbers_is_refused(
    loud: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = read_bundle(loud)
    lowering = Lowering(bundle, gather(bundle, open_dataset(data)), GATE, lambda what, share: None)
    monkeypatch.setattr(lowering_module, "beyond_half", lambda graph, layers, ranges: {})
    refused = lowering.half()
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("fp16 gives a score of [")
    assert "at frame" in refused.reason


def test_where_no_graph_passes_nothing_is_written_and_the_reason_of_each_is_told(
    narrow: Path, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "q.vadb"
    with pytest.raises(EngineError) as caught:
        quantize_bundle(narrow, output, data=data, max_auc_drop=NEVER)
    assert not output.exists()
    told = str(caught.value)
    for title in ("fp16", "int8 for onnxruntime", "int8 for tensorrt"):
        assert f"({title} loses 0.0" in told
    assert told.endswith("go on with the bundle as it is, in fp32")


def test_fine_tuning_is_no_advice_where_it_was_given_nor_kept_where_it_leaves_no_int8_graph(
    narrow: Path, checkpoint: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, given = Judge.cost, read_bundle(narrow)

    def cost(self: Judge, bundle: Bundle, graph: Graph) -> LoweringLoss:
        harm = 0.2 if self._bundle.sha256 == given.sha256 else 0.1
        return more(honest(self, bundle, graph), harm if graph.precision == "int8" else 0.0)

    monkeypatch.setattr(Judge, "cost", cost)
    monkeypatch.setattr(material_module, "TRIAL_SEQUENCES", 1)
    found = quantize_bundle(
        narrow,
        tmp_path / "q.vadb",
        data=data,
        max_auc_drop=GATE,
        fine_tune=checkpoint,
        epochs=1,
        cache=tmp_path / "cache",
    )
    assert found.fine_tuning is not None
    assert found.fine_tuning.int8_drop_before > (found.fine_tuning.int8_drop_after or 0.0) > GATE
    assert not found.fine_tuning.kept
    assert found.checkpoint is None
    assert graphs_of(found.path) == [("fp32", "any"), ("fp16", "any")]
    assert {refused.fix for refused in found.refused} == {
        "give more quantization data or more --epochs, or raise --max-auc-drop"
    }


@pytest.fixture(scope="module")
def unconfirmed(narrow: Path, labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> QuantizeReport:
    """A quantization whose INT8 graph for this machine the labelled clips do not confirm."""

    def strict(
        candidate: Path,
        data: Path,
        graphs: list[Lowered],
        gate: float,
        report: object,
        **options: Path | None,
    ) -> object:
        return confirm(candidate, data, graphs, NEVER, report, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantize_module, "confirm", strict)
        output = tmp_path_factory.mktemp("unconfirmed") / "q.vadb"
        return quantize_bundle(narrow, output, data=labelled, max_auc_drop=GATE)


def test_a_graph_that_labelled_clips_do_not_confirm_is_left_out(unconfirmed: QuantizeReport) -> None:
    (refused,) = unconfirmed.refused
    assert (refused.precision, refused.backend) == ("int8", "onnxruntime")
    assert "of the online AUC" in refused.reason
    assert refused.fix == "give more quantization data, or raise --max-auc-drop"
    bundle = read_bundle(unconfirmed.path)
    assert graphs_of(bundle.path) == [("fp32", "any"), ("fp16", "any"), ("int8", "tensorrt")]
    assert "model.int8.onnxruntime.onnx" not in bundle.manifest.members
    assert bundle.graph("fp32").measured == unconfirmed.tested
    assert "trial_auc" in bundle.graph("int8", "tensorrt").measured


def test_without_its_int8_graph_this_machine_runs_fp32(unconfirmed: QuantizeReport) -> None:
    engine = open_engine(read_bundle(unconfirmed.path), batch=1, engine="onnxruntime", threads=1)
    assert engine.graph.precision == "fp32"
    engine.close()


def test_parity_says_which_graph_is_not_there(unconfirmed: QuantizeReport, labelled: Path) -> None:
    found = compare_bundle(unconfirmed.path, labelled)
    ours = [row.precision for row in found.rows if row.engine.startswith("onnxruntime-cpu")]
    assert ours == ["fp32", "fp16"]
    assert found.left_out["onnxruntime int8"].startswith("it has no int8 graph for onnxruntime, only fp32")


def test_fine_tuned_weights_that_labelled_clips_do_not_confirm_are_an_error(
    narrow: Path, labelled: Path
) -> None:
    with pytest.raises(EngineError, match=r"fine-tuned fp32 loses .*; do without --fine-tune, or raise"):
        confirm(narrow, labelled, [], NEVER, lambda what, share: None, fine_tuned_from=narrow)
