"""Which layers half precision cannot hold: it ends at 65504, and what is beyond becomes infinite."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from vad_edge_export.quantize.int8 import Ranges
from vad_edge_export.quantize.region import network_region

LARGEST_HALF: Final = float(np.finfo(np.float16).max)


def beyond_half(graph: bytes, layers: Collection[str], ranges: Ranges) -> dict[str, float]:
    """How far the values of each layer reach that cannot be in half precision, by the layer's name.

    ranges: of every activation of `layers`, as `activation_ranges` gives them, headroom included. A value
    between layers counts for those that it comes from and those that it goes to; a layer's weights count
    for it.
    """
    model = onnx.load_model_from_string(graph)
    inside = set(network_region(model, layers))
    nodes = [node for node in model.graph.node if node.name in inside]
    constants = {constant.name: constant for constant in model.graph.initializer}
    maker = {output: node for node in nodes for output in node.output}
    found: dict[str, float] = {}

    def note(name: str, reach: float) -> None:
        found[name] = max(found.get(name, 0.0), reach)

    def sources(tensor: str) -> set[str]:
        """The layers a value comes from through what stands between."""
        node = maker.get(tensor)
        if node is None:
            return set()
        return {node.name} if node.name in layers else {name for each in node.input for name in sources(each)}

    def users(tensor: str) -> set[str]:
        """The layers a value goes to through what stands between."""
        reached: set[str] = set()
        for node in nodes:
            if tensor in node.input:
                onward = (name for output in node.output for name in users(output))
                reached |= {node.name} if node.name in layers else set(onward)
        return reached

    for tensor in {name for node in nodes for name in (*node.input, *node.output) if name}:
        if tensor in constants:
            value = numpy_helper.to_array(constants[tensor])
            reach = float(np.abs(value).max(initial=0.0)) if value.dtype == np.float32 else 0.0
        else:
            reach = max(map(abs, ranges[tensor]))
        if reach > LARGEST_HALF:
            for layer in sources(tensor) | users(tensor):
                note(layer, reach)
    return found
