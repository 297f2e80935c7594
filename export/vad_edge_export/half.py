"""A step graph with its network in half precision."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from vad_edge_export.region import learned_layers, network_region

_FLOAT = onnx.TensorProto.FLOAT
_HALF = onnx.TensorProto.FLOAT16


def to_half(graph: bytes) -> bytes:
    """The graph with fp16 weights and activations inside its network; all else, and its edge, stays fp32."""
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(graph))
    inside = set(network_region(model, learned_layers(model)))
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
    _drop_unused_constants(proto)
    del proto.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


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


def _drop_unused_constants(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    for constant in list(graph.initializer):
        if constant.name not in used:
            graph.initializer.remove(constant)


def _cast(name: str, output: str, to: int) -> onnx.NodeProto:
    return onnx.helper.make_node("Cast", [name], [output], name=f"cast_{output}", to=to)
