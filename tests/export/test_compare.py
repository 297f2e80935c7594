from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.tiny_models import TINY

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.cli import main
from vad_edge.errors import DataError, EngineError
from vad_edge_export.compare import compare_bundle
from vad_edge_export.package import ExportReport
from vad_edge_export.quantize.quantize import quantize_bundle
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.schedule import FitConfig


@pytest.fixture(scope="module")
def bundle(exported: ExportReport, labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("compared") / "block.vadb"
    report = quantize_bundle(exported.path, output, data=labelled, max_auc_drop=0.05)
    assert report.tested is not None
    (fast,) = (graph for graph in report.graphs if graph.backend == "onnxruntime")
    assert fast.tested is not None
    assert abs(fast.tested["micro_online"] - report.tested["micro_online"]) <= 0.05
    return output


def test_every_precision_that_can_run_here_is_compared_with_fp32(bundle: Path, labelled: Path) -> None:
    found = compare_bundle(bundle, labelled)
    ours = [row for row in found.rows if row.engine.startswith("onnxruntime")]
    assert [row.precision for row in ours] == ["fp32", "fp16", "int8"]
    assert ours[0].score_correlation == pytest.approx(1.0)
    assert ours[0].max_abs_diff == 0.0
    for row in ours:
        assert row.auc is not None
        assert row.auc > 0.5
        assert row.score_correlation > 0.99
        assert row.p50_ms > 0
    assert ours[2].bytes < ours[0].bytes
    assert ours[2].max_abs_diff > 0.0


def test_the_command_prints_a_row_for_each_and_keeps_them(
    bundle: Path, labelled: Path, checkpoint: Path, tmp_path: Path
) -> None:
    options = [f"--bundle={bundle}", f"--data={labelled}", f"--checkpoint={checkpoint}"]
    kept = tmp_path / "kept.vadb"
    found = CliRunner().invoke(main, ["parity", *options, f"--output={kept}", "--json"])
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)["rows"]
    assert {"auc", "score_correlation", "max_abs_diff", "bytes", "p50_ms"} <= rows[0].keys()
    assert rows[0]["engine"] == "torch-cpu fp32"
    assert rows[0]["score_correlation"] > 0.999999
    assert 0.0 < rows[0]["max_abs_diff"] < 0.01
    (fast,) = (row for row in rows if row["precision"] == "int8" and row["engine"].startswith("onnx"))
    measured = read_bundle(kept).graph("int8").measured
    assert measured["onnxruntime-cpu.score_correlation"] == fast["score_correlation"]
    assert measured["trial_auc"] == read_bundle(bundle).graph("int8").measured["trial_auc"]


def test_another_models_checkpoint_is_refused(bundle: Path, labelled: Path, tmp_path: Path) -> None:
    other = train_model(
        labelled,
        tmp_path,
        model="mnad",
        config=TINY["mnad"],
        fit=FitConfig(epochs=1, stride=40),
        cache=tmp_path / "cache",
        progress_bar=False,
    )
    with pytest.raises(DataError, match=r"best\.ckpt: it is a mnad of 32x48, the bundle was made of another"):
        compare_bundle(bundle, labelled, checkpoint=other.best)


def test_without_fp32_there_is_nothing_to_compare_with(bundle: Path, labelled: Path, tmp_path: Path) -> None:
    opened = read_bundle(bundle)
    graphs = tuple(graph for graph in opened.manifest.graphs if graph.precision != "fp32")
    members = {
        name: opened.member(name) for name in opened.manifest.members if name != opened.graph("fp32").member
    }
    write_bundle(tmp_path / "b.vadb", opened.manifest.model_copy(update={"graphs": graphs}), members)
    with pytest.raises(EngineError, match="onnxruntime fp32 cannot run: the bundle has no such graph"):
        compare_bundle(tmp_path / "b.vadb", labelled)
