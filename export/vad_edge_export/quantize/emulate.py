"""INT8 graphs in plain fp32 arithmetic: what they round, without what a processor makes of integers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from vad_edge_export.quantize.compact import drop_unused_constants


def emulate_int8(graph: bytes) -> bytes:
    """A graph of `to_int8` with its Q/DQ nodes as fp32 arithmetic, and its weights as what they stand for.

    ONNX Runtime would run the layers of the graph itself in its own integers, whose sums overflow on x86
    processors without VNNI.
    """
    model = onnx.load_model_from_string(graph)
    proto = model.graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in proto.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in proto.node:
        if node.op_type == "QuantizeLinear":
            nodes += _rounding(proto, node, *(constants[name] for name in node.input[1:]))
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            value = _dequantized(node, *(constants[name] for name in node.input))
            proto.initializer.append(numpy_helper.from_array(value, node.output[0]))
        elif node.op_type == "DequantizeLinear":
            nodes.append(onnx.helper.make_node("Mul", node.input[:2], node.output, name=node.name))
        else:
            nodes.append(node)
    proto.ClearField("node")
    proto.node.extend(nodes)
    drop_unused_constants(proto)
    onnx.checker.check_model(model, full_check=True)
    contents: bytes = model.SerializeToString()
    return contents


def _rounding(
    graph: onnx.GraphProto, node: onnx.NodeProto, scale: NDArray[Any], zero: NDArray[Any]
) -> Iterator[onnx.NodeProto]:
    """A value in whole steps, counted from its zero point, within what its integer type holds."""
    (result,) = node.output
    limits = np.iinfo(zero.dtype)
    for end, limit in (("least", limits.min), ("most", limits.max)):
        bound = np.float32(limit) - zero.astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(bound, f"{result}_{end}"))
    make = onnx.helper.make_node
    yield make("Div", node.input[:2], [f"{result}_steps"], name=f"{node.name}_steps")
    yield make("Round", [f"{result}_steps"], [f"{result}_whole"], name=f"{node.name}_whole")
    bounds = [f"{result}_whole", f"{result}_least", f"{result}_most"]
    yield make("Clip", bounds, [result], name=node.name)


def _dequantized(
    node: onnx.NodeProto, stored: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any]
) -> NDArray[np.float32]:
    axis = next((entry.i for entry in node.attribute if entry.name == "axis"), 1)
    if scale.ndim:
        shape = [-1 if place == axis else 1 for place in range(stored.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    value: NDArray[np.float32] = (stored.astype(np.float32) - zero.astype(np.float32)) * scale
    return value
