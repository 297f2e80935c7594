from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from vad_edge_export.quantize.compact import compact_constants

SHAPE = (80, 100)
GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
starts (bool[1,1] reset, float[80,100] picture, float[80,100] nothing)
  => (float[80,100] a, float[80,100] b, float[80,100] c)
{
  a = Where (reset, first, picture)
  b = Where (reset, second, picture)
  c = Where (reset, zeros, nothing)
}
"""
GREY = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.float32)


def model(**constants: NDArray[np.float32]) -> onnx.ModelProto:
    parsed = onnx.parser.parse_model(GRAPH)
    values = {"first": GREY, "second": GREY, "zeros": np.zeros(SHAPE, np.float32), **constants}
    parsed.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    return parsed


@pytest.mark.parametrize("second", [GREY, GREY + 0.3, np.full(SHAPE, 70_000.0, np.float32)])
def test_a_compacted_graph_answers_as_before(second: NDArray[np.float32]) -> None:
    before, after = model(second=second), model(second=second)
    compact_constants(after)
    onnx.checker.check_model(after, full_check=True)
    for reset in (True, False):
        feeds = {"reset": np.array([[reset]]), "picture": GREY + 1, "nothing": GREY + 2}
        for expected, found in zip(
            ReferenceEvaluator(before).run(None, feeds),
            ReferenceEvaluator(after).run(None, feeds),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)


def test_pictures_are_kept_once_and_in_half_the_bytes_and_zeros_not_at_all() -> None:
    compacted = model()
    compact_constants(compacted)
    sizes = {constant.name: tuple(constant.dims) for constant in compacted.graph.initializer}
    assert sizes == {"first_half": SHAPE, "zeros": (1, 1)}


def test_learned_weights_are_left_as_they_are() -> None:
    compacted = model()
    compact_constants(compacted, keep=frozenset({"first", "zeros"}))
    kept = {constant.name: constant.data_type for constant in compacted.graph.initializer}
    assert kept["first"] == kept["zeros"] == onnx.TensorProto.FLOAT
