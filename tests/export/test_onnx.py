from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vad_edge.bundle.archive import Bundle
from vad_edge.errors import EngineError
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge_export.onnx import export_step_graph, symbolic_dimensions
from vad_edge_training.models.step import StepModel

ALLOWED_OPS = {
    "Add", "AveragePool", "Cast", "Concat", "Conv", "Div", "Mul", "Pow", "ReduceMax", "ReduceMean", "Reshape",
    "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
}  # fmt: skip


@pytest.fixture(scope="session")
def parsed(graph: bytes) -> onnx.ModelProto:
    return onnx.load_from_string(graph)


def open_(bundle: Bundle, batch: int) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(bundle, bundle.graph(), batch, threads=1)


def test_the_graph_has_the_inputs_and_outputs_of_the_contract(parsed: onnx.ModelProto) -> None:
    inputs = [tensor.name for tensor in parsed.graph.input]
    outputs = [tensor.name for tensor in parsed.graph.output]
    assert inputs == ["frame", "weight", "active", "reset", "background", "seen"]
    assert outputs == ["score", "error_map", "background_next", "seen_next"]


def test_only_the_batch_is_symbolic(parsed: onnx.ModelProto) -> None:
    assert symbolic_dimensions(parsed) == {"B"}


def test_the_graph_uses_only_plain_operators(parsed: onnx.ModelProto) -> None:
    assert {node.op_type for node in parsed.graph.node} <= ALLOWED_OPS
    assert not parsed.functions


def test_the_first_thing_done_to_the_frame_is_the_cast(parsed: onnx.ModelProto) -> None:
    assert [node.op_type for node in parsed.graph.node if "frame" in node.input] == ["Cast"]


def test_the_weights_are_inside_the_graph(parsed: onnx.ModelProto) -> None:
    located = {tensor.data_location for tensor in parsed.graph.initializer}
    assert located == {onnx.TensorProto.DEFAULT}


def test_the_graph_does_not_tell_where_it_was_made(graph: bytes) -> None:
    assert b".py" not in graph
    assert b"stack_trace" not in graph


def test_the_same_model_gives_the_same_bytes(graph: bytes, model: StepModel) -> None:
    assert export_step_graph(model) == graph


def test_an_inactive_camera_keeps_its_state_bit_for_bit(bundle: Bundle, frames: NDArray[np.uint8]) -> None:
    engine = open_(bundle, 2)
    engine.inputs.reset[:] = True
    engine.inputs.frame[:] = frames[:2]
    engine.step()
    before = engine.snapshot()
    engine.inputs.reset[:] = False
    engine.inputs.active[0] = False
    engine.inputs.frame[:] = frames[2:4]
    engine.step()
    after = engine.snapshot()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name][0], value[0])
        assert (after[name][1] != value[1]).any()


def test_a_reset_camera_behaves_as_new(bundle: Bundle, model: StepModel, frames: NDArray[np.uint8]) -> None:
    engine = open_(bundle, 1)
    for frame in frames[:4]:
        engine.inputs.frame[:] = frame
        engine.step()
    engine.inputs.reset[:] = True
    score = engine.step().score.copy()
    new = open_(bundle, 1)
    new.inputs.frame[:] = frames[3]
    np.testing.assert_array_equal(score, new.step().score)


def test_cameras_of_a_batch_do_not_influence_each_other(bundle: Bundle, frames: NDArray[np.uint8]) -> None:
    together = open_(bundle, 3)
    singles = [open_(bundle, 1) for _ in range(3)]
    for step in range(4):
        shown = frames[3 * step : 3 * step + 3]
        together.inputs.frame[:] = shown
        score = together.step().score
        for camera, single in enumerate(singles):
            single.inputs.frame[:] = shown[camera]
            np.testing.assert_array_equal(single.step().score[0], score[camera])


class BrightPlaces(StepModel):
    """Not exportable: its map is a list of the bright places."""

    def __init__(self, inner: StepModel) -> None:
        super().__init__()
        self.inner = inner
        self.spec = inner.spec
        for name in inner.spec.states:
            self.register_buffer(f"initial_{name}", inner.get_buffer(f"initial_{name}"))

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        score, _, state = self.inner.advance(frame, weight, *state)
        return score, torch.nonzero(frame > 100), state


class Undecided(BrightPlaces):
    """Not exportable: what it computes depends on a value."""

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        if frame.mean() > 100:
            frame = nn.functional.relu(frame)
        return self.inner.advance(frame, weight, *state)


def test_a_shape_that_depends_on_more_than_the_batch_is_refused(model: StepModel) -> None:
    with pytest.raises(EngineError, match=r"has the symbolic dimensions .* not only 'B'"):
        export_step_graph(BrightPlaces(model))


def test_a_model_that_cannot_be_a_graph_is_refused(model: StepModel) -> None:
    with pytest.raises(EngineError, match="model 'tiny' cannot become an ONNX graph"):
        export_step_graph(Undecided(model))
