from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from vad_edge.inference.onnxruntime_engine import open_session
from vad_edge_export.quantize.emulate import emulate_int8
from vad_edge_export.quantize.int8 import Backend, to_int8
from vad_edge_export.quantize.region import note_learned

GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
net (float[1,32,8,8] picture) => (float[1,32,8,8] error)
{
  [before] image = Abs (picture)
  [first] hidden = Conv <pads = [1,1,1,1]> (image, w1)
  [relu] active = Relu (hidden)
  [last] predicted = Conv <pads = [1,1,1,1]> (active, w2)
  [residual] error = Sub (predicted, image)
}
"""
LAYERS = ["first", "last"]
BACKENDS: tuple[Backend, ...] = ("onnxruntime", "tensorrt")


@pytest.fixture(scope="module")
def graph() -> bytes:
    random = np.random.default_rng(0)
    parsed = onnx.parser.parse_model(GRAPH)
    for name in ("w1", "w2"):
        # Of one sign and near to each other: what overflows where products are added in sixteen bits.
        weight = random.uniform(0.08, 0.1, (32, 32, 3, 3)).astype(np.float32)
        parsed.graph.initializer.append(numpy_helper.from_array(weight / 26, name))
    note_learned(parsed, {"w1", "w2"})
    contents: bytes = parsed.SerializeToString()
    return contents


@pytest.fixture(scope="module")
def picture() -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(0.5, 1.0, (1, 32, 8, 8)).astype(np.float32)


RANGES = {"image": (0.0, 1.0), "hidden": (-3.0, 1.1), "active": (0.0, 1.1), "predicted": (0.0, 1.2)}


def run(graph: bytes, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = open_session(graph, 1, "here").run(None, {"picture": picture})[0]
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_rounded_between_a_layer_and_its_activation(graph: bytes, backend: Backend) -> None:
    lowered = onnx.load_model_from_string(to_int8(graph, LAYERS, RANGES, backend)).graph
    makers = {output: node for node in lowered.node for output in node.output}
    activations = [node for node in lowered.node if node.op_type == "Relu"]
    assert all(makers[node.input[0]].op_type == "Conv" for node in activations)
    assert len(activations) == (1 if backend == "tensorrt" else 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_residual_reads_the_image_as_it_was(graph: bytes, backend: Backend) -> None:
    lowered = onnx.load_model_from_string(to_int8(graph, LAYERS, RANGES, backend)).graph
    (residual,) = (node for node in lowered.node if node.name == "residual")
    assert residual.input[1] == "image"
    assert residual.input[0] != "predicted"


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_constant_is_left_that_is_not_read(graph: bytes, backend: Backend) -> None:
    lowered = onnx.load_model_from_string(to_int8(graph, LAYERS, RANGES, backend)).graph
    read = {name for node in lowered.node for name in node.input}
    assert {constant.name for constant in lowered.initializer} <= read


def test_integers_do_not_overflow_on_any_processor(graph: bytes, picture: NDArray[np.float32]) -> None:
    lowered = to_int8(graph, LAYERS, RANGES, "onnxruntime")
    np.testing.assert_allclose(run(lowered, picture), run(graph, picture), atol=0.02)


def test_the_emulation_rounds_as_the_int8_graph_is_meant_to(
    graph: bytes, picture: NDArray[np.float32]
) -> None:
    model = onnx.load_model_from_string(to_int8(graph, LAYERS, RANGES, "tensorrt"))
    found = run(emulate_int8(model.SerializeToString()), picture)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    step = float(constants["predicted_scale"])
    predicted = (found + picture) / step
    np.testing.assert_allclose(predicted, predicted.round(), atol=1e-3)
    difference = np.abs(found - run(graph, picture))
    assert 0 < difference.max() < 0.01
