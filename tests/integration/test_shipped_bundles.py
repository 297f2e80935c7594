from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.tensorrt_rtx import tensorrt

import vad_edge.demo
from vad_edge.bundle.archive import read_bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.inference.tensorrt.compiler import CompileOptions
from vad_edge.inference.tensorrt.engine_file import read_engine
from vad_edge.inference.tensorrt.library import parse_target
from vad_edge.inference.tensorrt.loader import prepare_engine

BUNDLES = {
    "demo": Path(vad_edge.demo.__file__).parent / "scene.vadb",
    "ped2": Path(__file__).parents[2] / "examples" / "bundles" / "ped2.vadb",
}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_shipped_bundle_has_every_precision_measured_and_calibrated(name: str) -> None:
    bundle = read_bundle(BUNDLES[name])
    graphs = bundle.manifest.graphs
    assert [graph.precision for graph in graphs] == ["fp32", "fp16", "int8", "int8"]
    assert all(graph.calibration is not None and graph.measured for graph in graphs)
    tested = [graph.measured["micro_online"] for graph in graphs if "micro_online" in graph.measured]
    assert len(tested) == 2
    assert abs(tested[0] - tested[1]) < 0.003


@pytest.mark.parametrize("cameras", [1, 4])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("name", BUNDLES)
def test_its_graphs_compile_ahead_of_time_for_an_rtx_card(
    name: str, precision: Precision, cameras: int, tmp_path: Path
) -> None:
    tensorrt()
    output = tmp_path / "engine"
    options = CompileOptions(parse_target("rtx-sm86"), batch=cameras)
    prepared = prepare_engine(
        read_bundle(BUNDLES[name]), options, lambda phase, share: None, precision=precision, output=output
    )
    key = read_engine(output).key
    assert (key.precision, key.batch, key.device) == (precision, cameras, "rtx-sm86")
    assert prepared.bytes > 100_000


def test_no_bundle_of_a_private_room_is_shipped() -> None:
    root = Path(__file__).parents[2]
    shipped = {path.name for folder in ("examples", "sdk") for path in (root / folder).rglob("*.vadb")}
    assert shipped == {"ped2.vadb", "scene.vadb"}
