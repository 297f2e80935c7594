"""A bundle whose model is a few operations, so that what it must answer is known."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnx.parser
import pytest
from tests.support.footage import quiet_frames, write_video

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.manifest import Clock, Graph, Manifest, Provenance, StateTensor
from vad_edge.pipeline import score_recording
from vad_edge.scoring.tail import fit_calibration

# A running-mean background (a quarter of the way each step) and two cues: mean and peak of the squared error.
STEP_GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
tiny (uint8[B,32,48,3] frame, float[B,4,6] weight, bool[B] active, bool[B] reset, float[B,32,48,3] background)
  => (float[B,2] score, float[B,4,6] error_map, float[B,32,48,3] background_next)
<int64[3] image_axes = {1, 2, 3}, int64[1] color = {3}, int64[1] channel = {1}, int64[2] map_axes = {1, 2},
 float start = {100.0}, float rate = {0.25}, float[1] size = {65025.0}>
{
  image = Cast <to = 1> (frame)
  fresh = Unsqueeze (reset, image_axes)
  known = Where (fresh, start, background)
  difference = Sub (image, known)
  change = Mul (difference, rate)
  moved = Add (known, change)
  on = Unsqueeze (active, image_axes)
  background_next = Where (on, moved, background)
  squared = Mul (difference, difference)
  error = ReduceMean <keepdims = 0> (squared, color)
  scaled = Div (error, size)
  plane = Unsqueeze (scaled, channel)
  cells = AveragePool <kernel_shape = [8, 8], strides = [8, 8]> (plane)
  map = Squeeze (cells, channel)
  error_map = Mul (map, weight)
  mean = ReduceMean <keepdims = 0> (error_map, map_axes)
  highest = ReduceMax <keepdims = 0> (error_map, map_axes)
  mean_column = Unsqueeze (mean, channel)
  highest_column = Unsqueeze (highest, channel)
  score = Concat <axis = 1> (mean_column, highest_column)
}
"""


@pytest.fixture(scope="session")
def step_graph() -> bytes:
    model = onnx.parser.parse_model(STEP_GRAPH)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


@pytest.fixture(scope="session")
def initial_background() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.full((32, 48, 3), 100.0, np.float32))
    return buffer.getvalue()


MakeBundle = Callable[..., Bundle]


def tiny_manifest(calibration: Calibration | None = None) -> Manifest:
    """What the tiny graph's bundle says of it."""
    return Manifest(
        name="tiny",
        height=32,
        width=48,
        map_height=4,
        map_width=6,
        clock=Clock(fps=10.0, warmup_frames=1),
        cues=("mean", "peak"),
        states=(StateTensor(name="background", shape=(32, 48, 3), initial="background.npy"),),
        graphs=(Graph(member="model.onnx", precision="fp32", calibration=calibration),),
        provenance=Provenance(created="2026-01-01T00:00:00+00:00", code_version="0.1.0"),
        members={},
    )


def write_tiny_bundle(
    path: Path, graph: bytes, background: bytes, calibration: Calibration | None = None, **changes: object
) -> Bundle:
    manifest = tiny_manifest(calibration).model_copy(update=changes)
    write_bundle(path, manifest, {"model.onnx": graph, "background.npy": background})
    return read_bundle(path)


@pytest.fixture
def make_bundle(tmp_path: Path, step_graph: bytes, initial_background: bytes) -> MakeBundle:
    """A bundle of the tiny graph, with manifest fields or the graph itself replaced."""

    def make(graph: bytes = step_graph, calibration: Calibration | None = None, **changes: object) -> Bundle:
        return write_tiny_bundle(tmp_path / "tiny.vadb", graph, initial_background, calibration, **changes)

    return make


@pytest.fixture
def bundle(make_bundle: MakeBundle) -> Bundle:
    return make_bundle()


@pytest.fixture(scope="session")
def tiny_calibration(
    tmp_path_factory: pytest.TempPathFactory, step_graph: bytes, initial_background: bytes
) -> Calibration:
    """The tiny graph's scores on half a minute of quiet footage, fitted once for all tests of a process."""
    folder = tmp_path_factory.mktemp("calibration")
    clip = write_video(folder / "normal.mkv", quiet_frames(300))
    found = score_recording(write_tiny_bundle(folder / "tiny.vadb", step_graph, initial_background), clip)
    return fit_calibration(found.scores[found.warm], ("mean", "peak"), fps=10.0)


@pytest.fixture
def calibrated_bundle(make_bundle: MakeBundle, tiny_calibration: Calibration) -> Bundle:
    """The tiny bundle, calibrated on half a minute of quiet footage."""
    return make_bundle(calibration=tiny_calibration)


def with_int8(bundle: Bundle, path: Path, backend: Literal["any", "tensorrt"] = "any") -> Bundle:
    """The bundle with the same model once more, as its INT8 graph for that backend."""
    graph = bundle.graph()
    model = onnx.load_model_from_string(bundle.member(graph.member))
    model.producer_name = "another"
    twin = graph.model_copy(update={"member": "int8.onnx", "precision": "int8", "backend": backend})
    members = {name: bundle.member(name) for name in bundle.manifest.members}
    manifest = bundle.manifest.model_copy(update={"graphs": (*bundle.manifest.graphs, twin), "members": {}})
    write_bundle(path, manifest, {**members, "int8.onnx": model.SerializeToString()})
    return read_bundle(path)
