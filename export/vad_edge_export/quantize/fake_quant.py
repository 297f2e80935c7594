"""Fitting as INT8 will run: weights and activations are rounded to its steps on the way forward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vad_edge_export.quantize.int8 import Ranges
from vad_edge_export.quantize.region import learned_layers

_CHANNEL_AXIS: Final[Mapping[Callable[..., Any], int]] = {
    F.linear: 0,
    F.conv1d: 0,
    F.conv2d: 0,
    F.conv3d: 0,
    F.conv_transpose1d: 1,
    F.conv_transpose2d: 1,
    F.conv_transpose3d: 1,
}
"""The calls that use learned weights, and the axis of the weights that has their output channels."""


@dataclass(frozen=True, slots=True)
class LayerRange:
    """What reaches a layer of the graph, and what leaves it where nothing after it rounds that again."""

    weight: str
    input: tuple[float, float]
    output: tuple[float, float] | None


def layer_ranges(graph: bytes, model: nn.Module, ranges: Ranges) -> list[LayerRange]:
    """The learned layers of the step graph of `model`, with ranges of `activation_ranges`.

    A result that goes to an activation or another layer is rounded where that one reads it; one that is
    normalised on the way, which the graph folds into the layer, is not rounded at all.
    """
    proto = onnx.load_model_from_string(graph).graph
    layers, weights = _learned(graph)
    parameters = dict(model.named_parameters())
    read_inside = {name for node in layers for name in node.input}
    activated = {name for node in proto.node if node.op_type.endswith("Relu") for name in node.input}
    found: dict[str, LayerRange] = {}
    for node in layers:
        arriving, weight, leaving = node.input[0], node.input[1], node.output[0]
        folded = not np.array_equal(weights[weight], parameters[weight].detach().cpu().numpy())
        known = found.get(weight)
        before, output = (known.input, known.output) if known else (None, None)
        if not folded and leaving not in read_inside | activated:
            output = _union(ranges[leaving], output)
        found[weight] = LayerRange(weight, _union(ranges[arriving], before), output)
    return list(found.values())


def made_from(graph: bytes, model: nn.Module) -> bool:
    """Whether a step graph's learned layers have the weights of `model`, a step module.

    An output channel may be scaled: normalisation is folded into the layer before it.
    """
    layers, weights = _learned(graph)
    parameters = dict(model.named_parameters())
    for node in layers:
        name = node.input[1]
        own = parameters.get(name)
        if own is None or own.shape != weights[name].shape:
            return False
        axis = 1 if node.op_type == "ConvTranspose" else 0
        if not _same_directions(weights[name], own.detach().cpu().numpy(), axis):
            return False
    return True


class FakeQuantized(TorchFunctionMode):
    """Runs the layers of a model as INT8 does; gradients pass as if nothing were rounded.

    Weights are symmetric and per output channel, their scale follows them; activations are symmetric and
    per tensor, with the ranges given: the coarser of what `to_int8` makes for each backend. model is a step
    module; whatever shares its parameters is meant too.
    """

    def __init__(
        self, model: nn.Module, layers: Iterable[LayerRange], *, bits: int = 8, weight_bits: int = 7
    ) -> None:
        super().__init__()
        parameters = dict(model.named_parameters())
        self._layers = {id(parameters[layer.weight]): layer for layer in layers}
        self._largest = 2 ** (bits - 1) - 1
        self._largest_weight = 2 ** (weight_bits - 1) - 1

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`, with everything rounded where it is a layer of the model."""
        axis = _CHANNEL_AXIS.get(func)
        if axis is None or len(args) < 2 or (layer := self._layers.get(id(args[1]))) is None:
            return func(*args, **(kwargs or {}))
        arriving, weight, *others = args
        result = func(
            self._activation(arriving, layer.input),
            self._weight(weight, axis),
            *others,
            **(kwargs or {}),
        )
        return result if layer.output is None else self._activation(result, layer.output)

    def _weight(self, weight: Tensor, axis: int) -> Tensor:
        others = [dim for dim in range(weight.dim()) if dim != axis]
        scale = weight.detach().abs().amax(dim=others) / self._largest_weight
        scale = scale.clamp(min=torch.finfo(torch.float32).tiny)
        zero = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(
            weight, scale, zero, axis, -self._largest_weight, self._largest_weight
        )

    def _activation(self, value: Tensor, reach: tuple[float, float]) -> Tensor:
        scale = max(map(abs, reach)) / self._largest
        if not scale:
            return value
        return torch.fake_quantize_per_tensor_affine(value, scale, 0, -self._largest, self._largest)


def _learned(graph: bytes) -> tuple[list[onnx.NodeProto], dict[str, Any]]:
    """The learned layers of a graph, and their weights by name."""
    model = onnx.load_model_from_string(graph)
    names = set(learned_layers(model))
    layers = [node for node in model.graph.node if node.name in names]
    wanted = {node.input[1] for node in layers}
    constants = (constant for constant in model.graph.initializer if constant.name in wanted)
    return layers, {constant.name: numpy_helper.to_array(constant) for constant in constants}


def _union(one: tuple[float, float], other: tuple[float, float] | None) -> tuple[float, float]:
    return one if other is None else (min(one[0], other[0]), max(one[1], other[1]))


def _same_directions(one: Any, other: Any, axis: int) -> bool:
    """Whether two tensors are the same but for a factor for each channel along `axis`."""
    rows = [
        np.moveaxis(each, axis, 0).reshape(each.shape[axis], -1).astype(np.float64) for each in (one, other)
    ]
    lengths = [np.linalg.norm(each, axis=1) for each in rows]
    along = np.abs((rows[0] * rows[1]).sum(axis=1))
    return bool((along >= (1 - 1e-6) * lengths[0] * lengths[1]).all())
