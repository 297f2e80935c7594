from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from tests.support.lowered_bundles import louder
from tests.support.tensorrt_rtx import compile_ahead

import vad_edge_export.quantize.lowering as module
from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.cli import main
from vad_edge.errors import DataError, EngineError
from vad_edge.inference.select import open_engine
from vad_edge_export.package import ExportReport, export_bundle
from vad_edge_export.quantize.gate import Judge, LoweringLoss, scores_of
from vad_edge_export.quantize.half import emulate_half
from vad_edge_export.quantize.quantize import QuantizeReport, quantize_bundle
from vad_edge_export.quantize.region import learned_layers


@pytest.fixture(scope="session")
def quantized(exported: ExportReport, data: Path, tmp_path_factory: pytest.TempPathFactory) -> QuantizeReport:
    output = tmp_path_factory.mktemp("quantized") / "block.vadb"
    return quantize_bundle(exported.path, output, data=data, max_auc_drop=0.05, sensitivity=True)


def test_a_bundle_gets_graphs_of_every_precision_each_with_its_calibration(
    quantized: QuantizeReport, exported: ExportReport
) -> None:
    bundle = read_bundle(quantized.path)
    assert [(graph.precision, graph.backend) for graph in bundle.manifest.graphs] == [
        ("fp32", "any"),
        ("fp16", "any"),
        ("int8", "onnxruntime"),
        ("int8", "tensorrt"),
    ]
    tails = [graph.calibration.total for graph in bundle.manifest.graphs if graph.calibration]
    assert len(set(tails)) > 2
    assert all(graph.measured["trial_score_correlation"] > 0.99 for graph in bundle.manifest.graphs[1:])
    original = read_bundle(exported.path)
    assert bundle.member(bundle.graph("fp32").member) == original.member(original.graph("fp32").member)


def test_the_lowered_graphs_score_much_as_the_original(quantized: QuantizeReport) -> None:
    for graph in quantized.graphs:
        assert graph.cost.score_correlation > 0.99
        assert graph.cost.auc_drop <= 0.05
        assert graph.kept_fp32 == ()


def test_every_layer_is_judged_alone_when_asked_for(quantized: QuantizeReport) -> None:
    assert len(quantized.sensitivity) == 9
    assert all(cost.score_correlation > 0.99 for cost in quantized.sensitivity.values())


def test_the_fastest_graph_is_what_runs(quantized: QuantizeReport) -> None:
    engine = open_engine(read_bundle(quantized.path), batch=1, threads=1)
    assert engine.graph.precision == "int8"
    engine.close()


def test_tensorrt_compiles_what_is_made_for_it(quantized: QuantizeReport) -> None:
    bundle = read_bundle(quantized.path)
    for precision in ("fp32", "fp16", "int8"):
        engine, _ = compile_ahead(bundle.member(bundle.graph(precision, "tensorrt").member))  # type: ignore[arg-type]
        assert len(engine) > 1000


def test_a_quantized_bundle_can_be_quantized_again(
    quantized: QuantizeReport, data: Path, tmp_path: Path
) -> None:
    again = quantize_bundle(quantized.path, tmp_path / "again.vadb", data=data, max_auc_drop=0.05)
    assert read_bundle(again.path).manifest.graphs == read_bundle(quantized.path).manifest.graphs


def test_layers_that_hurt_stay_in_fp32_worst_first(
    exported: ExportReport, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = read_bundle(exported.path)
    model = onnx.load_model_from_string(original.member(original.graph().member))
    hurting = set(learned_layers(model)[2:4])
    honest = Judge.cost

    def cost(self: Judge, bundle: object, graph: object) -> LoweringLoss:
        """The honest cost and a tenth of the AUC for each layer of two that is quantized."""
        found = honest(self, bundle, graph)  # type: ignore[arg-type]
        contents = bundle.member(graph.member)  # type: ignore[attr-defined]
        harm = 0.1 * sum(f"{name}_quant".encode() in contents for name in hurting)
        return LoweringLoss(found.auc, found.auc_drop + harm, found.score_correlation, found.max_abs_diff)

    honest_int8 = module.to_int8

    def marked(graph: bytes, layers: list[str], ranges: object, backend: str) -> bytes:
        model = onnx.load_model_from_string(honest_int8(graph, layers, ranges, backend))  # type: ignore[arg-type]
        model.doc_string = " ".join(f"{layer}_quant" for layer in layers)
        contents: bytes = model.SerializeToString()
        return contents

    monkeypatch.setattr(Judge, "cost", cost)
    monkeypatch.setattr(module, "to_int8", marked)
    found = quantize_bundle(exported.path, tmp_path / "q.vadb", data=data, max_auc_drop=0.05)
    for graph in found.graphs:
        assert set(graph.kept_fp32) == (hurting if graph.precision == "int8" else set())


def test_layers_that_half_precision_cannot_hold_stay_in_fp32(
    exported: ExportReport, data: Path, tmp_path: Path
) -> None:
    loud = louder(exported.path, tmp_path / "loud.vadb", "encoder.layers.0.0", "encoder.layers.1.0", 1e6)
    found = quantize_bundle(loud, tmp_path / "q.vadb", data=data, max_auc_drop=0.05)
    half = found.graphs[0]
    bundle = read_bundle(loud)
    model = onnx.load_model_from_string(bundle.member(bundle.graph().member))
    weights = {node.name: node.input[1] for node in model.graph.node if node.op_type == "Conv"}
    assert [weights[layer] for layer in half.kept_fp32] == [
        "encoder.layers.0.0.weight",
        "encoder.layers.1.0.weight",
    ]
    assert half.cost.score_correlation > 0.999


def test_scores_that_are_no_numbers_do_not_pass(exported: ExportReport, data: Path, tmp_path: Path) -> None:
    loud = louder(exported.path, tmp_path / "loud.vadb", "encoder.layers.0.0", "encoder.layers.1.0", 1e6)
    bundle = read_bundle(loud)
    contents = bundle.member(bundle.graph().member)
    layers = learned_layers(onnx.load_model_from_string(contents))
    members = {name: bundle.member(name) for name in bundle.manifest.members}
    with np.errstate(over="ignore"):
        members[bundle.graph().member] = emulate_half(contents, layers)
    write_bundle(tmp_path / "lost.vadb", bundle.manifest, members)
    frames = np.random.default_rng(0).integers(0, 256, (12, 32, 48, 3), np.uint8)
    lost = read_bundle(tmp_path / "lost.vadb")
    with pytest.raises(EngineError, match=r"fp32 gives a score of \[.*nan.*\] at frame 0"):
        scores_of(lost, lost.graph(), frames)


def write_clip(folder: Path, frames: int, *, still: bool) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (32, 48, 3)).astype(np.uint8)
    for index in range(frames):
        moved = image if still else np.roll(image, index, axis=1)
        cv2.imwrite(str(folder / f"{index:03d}.png"), moved)


@pytest.mark.parametrize(
    ("frames", "still", "message"),
    [(12, False, "no clip has 18 frames at 10 a second"), (70, True, "every frame is the same")],
)
def test_footage_that_is_too_short_or_still_is_refused(
    exported: ExportReport, data: Path, tmp_path: Path, frames: int, still: bool, message: str
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder, ignore=shutil.ignore_patterns("training"))
    write_clip(folder / "training" / "00", frames, still=still)
    with pytest.raises(DataError, match=message):
        quantize_bundle(exported.path, tmp_path / "q.vadb", data=folder, max_auc_drop=0.05)


def test_an_only_clip_calibrates_every_graph_on_its_end(checkpoint: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder, ignore=shutil.ignore_patterns("training"))
    only = folder / "training" / "00"
    only.mkdir(parents=True)
    for number, image in enumerate(sorted((data / "training").glob("0[0-3]/*.png"))):
        shutil.copy(image, only / f"{number:03d}.png")
    exported = export_bundle(checkpoint, tmp_path / "b.vadb", data=folder)
    found = quantize_bundle(exported.path, tmp_path / "q.vadb", data=folder, max_auc_drop=0.05)
    graphs = read_bundle(found.path).manifest.graphs
    (frames,) = {graph.calibration.frames for graph in graphs if graph.calibration}
    assert frames < 60


def test_a_graph_that_does_not_say_what_was_learned_is_refused(
    exported: ExportReport, data: Path, tmp_path: Path
) -> None:
    bundle = read_bundle(exported.path)
    members = {name: bundle.member(name) for name in bundle.manifest.members}
    name = bundle.graph().member
    model = onnx.load_model_from_string(members[name])
    del model.metadata_props[:]
    members[name] = model.SerializeToString()
    write_bundle(tmp_path / "old.vadb", bundle.manifest, members)
    with pytest.raises(DataError, match="does not say which layers were learned; export it again"):
        quantize_bundle(tmp_path / "old.vadb", tmp_path / "q.vadb", data=data)


def test_the_command_prints_what_each_graph_cost(exported: ExportReport, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "q.vadb"
    options = {"bundle": exported.path, "data": data, "output": output, "max-auc-drop": 0.05}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    found = CliRunner().invoke(main, ["quantize", *arguments, "--json"])
    assert found.exit_code == 0, found.output
    values = json.loads(found.stdout)
    assert [graph["precision"] for graph in values["graphs"]] == ["fp16", "int8", "int8"]
    assert read_bundle(output).manifest.name == "block"
