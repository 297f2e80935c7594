"""Every model becomes a step graph that ONNX Runtime runs as torch does and TensorRT compiles."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from tests.support.tensorrt_rtx import compile_ahead
from tests.support.tiny_models import TINY

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.bundle.manifest import Provenance
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine, open_session
from vad_edge_export.lower import GRAPH, lower
from vad_edge_export.onnx import BATCH
from vad_edge_export.parity import check_parity
from vad_edge_export.quantize.half import to_half
from vad_edge_export.quantize.int8 import to_int8
from vad_edge_export.quantize.observe import activation_ranges
from vad_edge_export.quantize.region import learned_layers
from vad_edge_training.models.registry import MODELS, build
from vad_edge_training.models.step import StepModel

Lowered = tuple[StepModel, bytes, Path]


@pytest.fixture(scope="module", params=sorted(MODELS))
def lowered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lowered:
    """A model with weights of chance, its graph, and a bundle of it."""
    torch.manual_seed(0)
    model = build(request.param, TINY[request.param]).eval().step_module().eval()
    origin = Provenance(created="2026-01-01T00:00:00+00:00", code_version="0", model=request.param)
    manifest, members = lower(model, name=request.param, provenance=origin)
    path = tmp_path_factory.mktemp(request.param) / "model.vadb"
    write_bundle(path, manifest, members)
    return model, members[GRAPH], path


def moving_frames(height: int, width: int) -> NDArray[np.uint8]:
    """Texture that drifts under a bright block that walks, with noise: (60, height, width, 3)."""
    random = np.random.default_rng(0)
    ground = random.integers(60, 160, (height, 2 * width, 3))
    frames = []
    for index in range(60):
        frame = ground[:, index % width :][:, :width] + random.integers(-5, 6, (height, width, 3))
        frame[8:20, (3 * index) % (width - 8) :][:, :8] = 220
        frames.append(frame)
    return np.clip(frames, 0, 255).astype(np.uint8)


def test_its_graph_depends_on_nothing_but_the_batch(lowered: Lowered) -> None:
    graph = onnx.load_from_string(lowered[1]).graph
    tensors = (*graph.input, *graph.output)
    first = {tensor.type.tensor_type.shape.dim[0].dim_param for tensor in tensors}
    others = {axis.dim_param for tensor in tensors for axis in tensor.type.tensor_type.shape.dim[1:]}
    assert first == {BATCH}
    assert others <= {""}


def test_onnx_runtime_runs_it_as_torch_does(lowered: Lowered) -> None:
    model, _, path = lowered
    bundle = read_bundle(path)
    with contextlib.closing(OnnxRuntimeEngine(bundle, bundle.graph(), 2, threads=1)) as engine:
        parity = check_parity(model, engine, moving_frames(model.spec.height, model.spec.width), steps=60)
    assert parity.max_rel_score < 1e-3


def test_its_network_runs_in_int8_and_tensorrt_compiles_it_in_half_precision_and_int8(
    lowered: Lowered,
) -> None:
    model, graph, path = lowered
    bundle = read_bundle(path)
    layers = learned_layers(onnx.load_from_string(graph))
    assert layers
    frames = moving_frames(model.spec.height, model.spec.width)[:12]
    ranges = activation_ranges(bundle, layers, [frames])
    for contents in (to_half(graph, layers), to_int8(graph, layers, ranges, "tensorrt")):
        engine, _ = compile_ahead(contents)
        assert len(engine) > 1000
    fast = to_int8(graph, layers, ranges, "onnxruntime")
    assert len(open_session(fast, threads=1, where="here").get_inputs()) == 4 + len(model.spec.states)


def test_tensorrt_compiles_it_ahead_of_time(lowered: Lowered) -> None:
    model, graph, _ = lowered
    engine, names = compile_ahead(graph)
    states = set(model.spec.states)
    assert len(engine) > 1000
    assert names == {
        "frame", "weight", "active", "reset", "score", "error_map",
        *states, *(f"{state}_next" for state in states),
    }  # fmt: skip
