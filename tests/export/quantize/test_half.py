from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from vad_edge.inference.onnxruntime_engine import open_session
from vad_edge_export.quantize.half import emulate_half, to_half
from vad_edge_export.quantize.region import learned_layers, note_learned

GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
net (float[1,1,8,8] image) => (float[1,1,8,8] error)
{
  [first] hidden = Conv (image, w1)
  [relu] active = Relu (hidden)
  [last] predicted = Conv (active, w2)
  [residual] error = Sub (predicted, image)
}
"""
W1, W2 = 1.2345678, 0.7654321
LAYERS = ["first", "last"]


@pytest.fixture
def graph() -> bytes:
    """Two layers of one weight each: products of halves are exact in single, only rounding is left."""
    parsed = onnx.parser.parse_model(GRAPH)
    for name, value in (("w1", W1), ("w2", W2)):
        weight = np.full((1, 1, 1, 1), value, np.float32)
        parsed.graph.initializer.append(numpy_helper.from_array(weight, name))
    note_learned(parsed, {"w1", "w2"})
    contents: bytes = parsed.SerializeToString()
    return contents


@pytest.fixture
def image() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(1, 1, 8, 8)).astype(np.float32)


def run(graph: bytes, image: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = open_session(graph, 1, "here").run(None, {"image": image})[0]
    return found


def half(value: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    return np.asarray(value).astype(np.float16).astype(np.float32)


def test_onnx_runtime_leaves_every_rounding_of_the_emulation_in(
    graph: bytes, image: NDArray[np.float32]
) -> None:
    hidden = half(half(image) * half(np.float32(W1)))
    predicted = half(np.maximum(hidden, 0) * half(np.float32(W2)))
    np.testing.assert_array_equal(run(emulate_half(graph, LAYERS), image), predicted - image)


def test_half_precision_loses_more_than_its_rounded_weights(graph: bytes, image: NDArray[np.float32]) -> None:
    exact = run(graph, image)
    weights_alone = np.maximum(image * half(np.float32(W1)), 0) * half(np.float32(W2)) - image
    lost = np.abs(run(emulate_half(graph, LAYERS), image) - exact).mean()
    assert lost > np.abs(weights_alone - exact).mean() > 0


def test_a_layer_that_is_left_out_is_not_rounded(graph: bytes, image: NDArray[np.float32]) -> None:
    hidden = np.maximum(image * np.float32(W1), 0)
    predicted = half(half(hidden) * half(np.float32(W2)))
    np.testing.assert_array_equal(run(emulate_half(graph, ["last"]), image), predicted - image)


def test_what_is_outside_the_network_stays_single(graph: bytes) -> None:
    lowered = onnx.load_model_from_string(to_half(graph, LAYERS))
    ends = [value.type.tensor_type.elem_type for value in (*lowered.graph.input, *lowered.graph.output)]
    assert set(ends) == {onnx.TensorProto.FLOAT}
    weights = {constant.name: constant.data_type for constant in lowered.graph.initializer}
    assert set(weights.values()) == {onnx.TensorProto.FLOAT16}


def test_a_graph_with_a_layer_left_out_still_runs(graph: bytes, image: NDArray[np.float32]) -> None:
    assert learned_layers(onnx.load_model_from_string(graph)) == LAYERS
    np.testing.assert_allclose(run(to_half(graph, ["first"]), image), run(graph, image), atol=2e-3)
