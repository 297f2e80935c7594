"""A step graph with its network in INT8, by explicit Q/DQ nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal

import numpy as np
import onnx

from vad_edge_export.quantize.compact import drop_unused_constants
from vad_edge_export.quantize.region import WITH_WEIGHTS, network_region

Ranges = Mapping[str, tuple[float, float]]
Backend = Literal["onnxruntime", "tensorrt"]

_ROUNDINGS: Final = frozenset({"QuantizeLinear", "DequantizeLinear"})

HEADROOM: Final = 1.25
"""How far beyond normal footage the scales reach: what is clipped is what was to be seen."""


def to_int8(graph: bytes, layers: Collection[str], ranges: Ranges, backend: Backend) -> bytes:
    """The graph with `layers`, and what stands between them, in INT8; everything else stays as it is.

    Weights are symmetric and per channel, activations per tensor. For TensorRT activations are symmetric
    int8 and biases stay fp32, which is all it takes; ONNX Runtime on a CPU is faster with asymmetric uint8
    and int32 biases, and gets weights of seven bits: x86 processors without VNNI add two products in sixteen,
    and eight would overflow. ranges: of each tensor that is quantized, as `activation_ranges` gives them.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx.load_model_from_string(graph)
    for_tensorrt = backend == "tensorrt"
    data = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    inside = set(network_region(model, layers))
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=not for_tensorrt,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if for_tensorrt else QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, data),
        nodes_to_quantize=sorted(inside),
        nodes_to_exclude=[],
        op_types_to_quantize=sorted({node.op_type for node in model.graph.node if node.name in inside}),
        extra_options={
            "ActivationSymmetric": for_tensorrt,
            "WeightSymmetric": True,
            "QuantizeBias": not for_tensorrt,
        },
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantized = quantizer.model.model
    _join_activations(quantized.graph)
    _spare_others(quantized.graph, inside)
    drop_unused_constants(quantized.graph)
    del quantized.graph.value_info[:]
    onnx.checker.check_model(quantized, full_check=True)
    contents: bytes = quantized.SerializeToString()
    return contents


def _join_activations(graph: onnx.GraphProto) -> None:
    """Take out what rounds a layer's result before its activation.

    Engines run both as one; rounded between them, the values below zero, which the activation drops, would
    take up steps.
    """
    maker, users = _makers(graph), _users(graph)
    for back in [node for node in graph.node if node.op_type == "DequantizeLinear"]:
        rounding = maker.get(back.input[0])
        after = users.get(back.output[0], [])
        if rounding is None or not after or not all(node.op_type.endswith("Relu") for node in after):
            continue
        if len(users[rounding.output[0]]) == 1 and maker[rounding.input[0]].op_type in WITH_WEIGHTS:
            for node in after:
                node.input[0] = rounding.input[0]
            graph.node.remove(back)
            graph.node.remove(rounding)


def _spare_others(graph: onnx.GraphProto, inside: Collection[str]) -> None:
    """Let what is outside the network read the network's inputs as they were, not rounded.

    The last frame goes into the network, and into the prediction's residual, which is to stay exact.
    """
    maker = _makers(graph)
    for node in graph.node:
        if node.name in inside or node.op_type in _ROUNDINGS:
            continue
        for place, name in enumerate(node.input):
            back = maker.get(name)
            if back is None or back.op_type != "DequantizeLinear" or back.input[0] not in maker:
                continue
            origin = maker[back.input[0]].input[0]
            if origin not in maker or maker[origin].name not in inside:
                node.input[place] = origin


def _makers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    return {output: node for node in graph.node for output in node.output}


def _users(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return users


def activations(graph: bytes, layers: Collection[str]) -> list[str]:
    """Names of the tensors that get a scale when `layers` are quantized."""
    model = onnx.load_model_from_string(graph)
    constants = {constant.name for constant in model.graph.initializer}
    inside = set(network_region(model, layers))
    touched = (
        name for node in model.graph.node if node.name in inside for name in (*node.input, *node.output)
    )
    return sorted({name for name in touched if name and name not in constants})


def with_outputs(graph: bytes, names: Collection[str]) -> bytes:
    """The graph with inner tensors among its outputs."""
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(graph))
    known = {value.name: value for value in model.graph.value_info}
    model.graph.output.extend(known[name] for name in names)
    data: bytes = model.SerializeToString()
    return data


def widened(low: float, high: float, headroom: float = HEADROOM) -> tuple[float, float]:
    """A range with room beyond what was seen; zero is always in it."""
    return min(low, 0.0) * headroom, max(high, 0.0) * headroom
