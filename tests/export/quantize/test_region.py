from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

from vad_edge_export.quantize.region import learned_layers, network_region, note_learned

GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
net (float[1,4,8,8] image) => (float[1,4,8,8] error)
{
  [shifts] shifted = Conv <pads = [1,1,1,1]> (image, shift)
  [first] hidden = Conv <pads = [1,1,1,1]> (image, w1)
  [relu] active = Relu (hidden)
  [joined] both = Concat <axis = 1> (active, active)
  [outside] spare = Relu (shifted)
  [last] predicted = Conv <pads = [1,1,1,1]> (active, w2)
  [residual] error = Sub (predicted, spare)
}
"""


@pytest.fixture
def model() -> onnx.ModelProto:
    parsed = onnx.parser.parse_model(GRAPH)
    for name in ("w1", "w2", "shift"):
        parsed.graph.initializer.append(numpy_helper.from_array(np.ones((4, 4, 3, 3), np.float32), name))
    note_learned(parsed, {"w1", "w2", "bias of a layer that was folded"})
    return parsed


def test_only_layers_with_learned_weights_count(model: onnx.ModelProto) -> None:
    assert learned_layers(model) == ["first", "last"]


def test_a_graph_that_says_nothing_has_no_learned_layers() -> None:
    assert learned_layers(onnx.parser.parse_model(GRAPH)) == []


def test_the_region_holds_what_stands_between_layers_and_no_residual(model: onnx.ModelProto) -> None:
    assert network_region(model, ["first", "last"]) == ["first", "relu", "joined", "last"]


def test_an_activation_goes_with_the_layer_it_ends(model: onnx.ModelProto) -> None:
    assert network_region(model, ["first"]) == ["first", "relu", "joined"]
    assert network_region(model, ["last"]) == ["last"]
