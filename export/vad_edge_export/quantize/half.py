"""A step graph with its network in half precision."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import numpy_helper

from vad_edge_export.quantize.compact import drop_unused_constants
from vad_edge_export.quantize.region import network_region

_FLOAT = onnx.TensorProto.FLOAT
_HALF = onnx.TensorProto.FLOAT16


def to_half(graph: bytes, layers: Collection[str]) -> bytes:
    """The graph with `layers`, and what stands between them, in fp16; all else, and the edge, stays fp32."""
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(graph))
    inside = set(network_region(model, layers))
    proto = model.graph
    floats = _float_tensors(proto)
    constants = {constant.name: constant for constant in proto.initializer}
    halved = {output for node in proto.node if node.name in inside for output in node.output}
    renamed: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in proto.node:
        if node.name in inside:
            for place, name in enumerate(node.input):
                if name not in floats or name in halved:
                    continue
                if name not in renamed:
                    renamed[name] = f"{name}_half"
                    if name in constants:
                        _add_half(proto, constants[name], renamed[name])
                    else:
                        nodes.append(_cast(name, renamed[name], _HALF))
                node.input[place] = renamed[name]
        nodes.append(node)
    _cast_back(proto, nodes, inside, halved)
    drop_unused_constants(proto)
    del proto.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


def emulate_half(graph: bytes, layers: Collection[str]) -> bytes:
    """The graph of `to_half` in fp32, every value of its network rounded to fp16 and back.

    An engine without half precision computes an fp16 graph in fp32, so that only its weights are rounded.
    This one shows everywhere what an engine gives that rounds each layer's result.
    """
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(graph))
    inside = set(network_region(model, layers))
    proto = model.graph
    floats = _float_tensors(proto)
    constants = {constant.name: constant for constant in proto.initializer}
    made_inside = {output for node in proto.node if node.name in inside for output in node.output}
    rounded: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for node in proto.node:
        if node.name not in inside:
            nodes.append(node)
            continue
        for place, name in enumerate(node.input):
            if name not in floats or name in made_inside:
                continue
            node.input[place] = f"{name}_rounded"
            if name in rounded:
                continue
            rounded.add(name)
            if name in constants:
                value = numpy_helper.to_array(constants[name]).astype(np.float16).astype(np.float32)
                proto.initializer.append(numpy_helper.from_array(value, f"{name}_rounded"))
            else:
                nodes += _rounding(name, f"{name}_rounded")
        results = list(node.output)
        node.output[:] = [f"{name}_exact" if name in floats else name for name in results]
        nodes.append(node)
        for name in floats.intersection(results):
            nodes += _rounding(f"{name}_exact", name)
    proto.ClearField("node")
    proto.node.extend(nodes)
    drop_unused_constants(proto)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


def _rounding(name: str, output: str) -> list[onnx.NodeProto]:
    return [_cast(name, f"{output}_half", _HALF), _cast(f"{output}_half", output, _FLOAT)]


def _float_tensors(graph: onnx.GraphProto) -> set[str]:
    typed = (*graph.input, *graph.output, *graph.value_info)
    names = {value.name for value in typed if value.type.tensor_type.elem_type == _FLOAT}
    return names | {constant.name for constant in graph.initializer if constant.data_type == _FLOAT}


def _add_half(graph: onnx.GraphProto, constant: onnx.TensorProto, name: str) -> None:
    value = numpy_helper.to_array(constant).astype(np.float16)
    graph.initializer.append(numpy_helper.from_array(value, name))


def _cast_back(
    graph: onnx.GraphProto, nodes: list[onnx.NodeProto], inside: set[str], halved: set[str]
) -> None:
    """Give every user outside the network fp32 again."""
    wanted = {name for node in nodes if node.name not in inside for name in node.input} & halved
    wanted |= {result.name for result in graph.output} & halved
    del graph.node[:]
    for node in nodes:
        graph.node.append(node)
        for place, name in enumerate(node.output):
            if name in wanted:
                graph.node[-1].output[place] = f"{name}_half"
                graph.node.append(_cast(f"{name}_half", name, _FLOAT))
    for node in graph.node:
        if node.name in inside:
            node.input[:] = [f"{name}_half" if name in wanted else name for name in node.input]


def _cast(name: str, output: str, to: int) -> onnx.NodeProto:
    return onnx.helper.make_node("Cast", [name], [output], name=f"cast_{output}", to=to)
