from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

from vad_edge_export.quantize.reach import beyond_half
from vad_edge_export.quantize.region import note_learned

GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
net (float[1,4,8,8] image) => (float[1,4,8,8] error)
{
  [first] hidden = Conv <pads = [1,1,1,1]> (image, w1)
  [relu] active = Relu (hidden)
  [second] deeper = Conv <pads = [1,1,1,1]> (active, w2)
  [joined] both = Concat <axis = 1> (active, deeper)
  [last] predicted = Conv <pads = [1,1,1,1]> (both, w3)
  [residual] error = Sub (predicted, image)
}
"""
LAYERS = ["first", "second", "last"]
MODEST = dict.fromkeys(("image", "hidden", "active", "deeper", "both", "predicted"), (-8.0, 8.0))


def graph(weight: float = 1.0) -> bytes:
    """The network; weight is the largest of its second layer."""
    parsed = onnx.parser.parse_model(GRAPH)
    for name, inputs in (("w1", 4), ("w2", 4), ("w3", 8)):
        value = np.ones((4, inputs, 3, 3), np.float32)
        value[0, 0] *= weight if name == "w2" else 1.0
        parsed.graph.initializer.append(numpy_helper.from_array(value, name))
    note_learned(parsed, {"w1", "w2", "w3"})
    contents: bytes = parsed.SerializeToString()
    return contents


@pytest.mark.parametrize(
    ("tensor", "reach", "expected"),
    [
        ("image", (0.0, 65504.0), set()),
        ("image", (0.0, 65505.0), {"first"}),
        ("hidden", (-7e4, 0.0), {"first", "second", "last"}),
        ("deeper", (0.0, 7e4), {"second", "last"}),
        ("both", (0.0, 7e4), {"first", "second", "last"}),
        ("predicted", (-1e9, 1.0), {"last"}),
    ],
)
def test_a_value_beyond_half_counts_for_the_layers_at_both_its_ends(
    tensor: str, reach: tuple[float, float], expected: set[str]
) -> None:
    found = beyond_half(graph(), LAYERS, {**MODEST, tensor: reach})
    assert set(found) == expected
    assert set(found.values()) <= {max(map(abs, reach))}


def test_weights_beyond_half_count_for_their_layer() -> None:
    assert beyond_half(graph(weight=1e5), LAYERS, MODEST) == {"second": 1e5}


def test_layers_that_are_left_out_do_not_count() -> None:
    assert beyond_half(graph(weight=1e5), ["first"], MODEST) == {}
