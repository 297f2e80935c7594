"""Which part of a step graph is the network, whose precision may be lowered."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import onnx

_LEARNED: Final = "vad_edge.learned"
WITH_WEIGHTS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""The operators of layers."""

_BETWEEN: Final = frozenset(
    {
        "Relu",
        "LeakyRelu",
        "Concat",
        "DepthToSpace",
        "SpaceToDepth",
        "MaxPool",
        "Reshape",
        "Transpose",
        "Resize",
    }
)
"""What stands between two layers and works in any precision."""


def note_learned(model: onnx.ModelProto, names: Collection[str]) -> None:
    """Keep in the graph which of its constants were learned: the others are exact by construction."""
    found = sorted(constant.name for constant in model.graph.initializer if constant.name in names)
    onnx.helper.set_model_props(model, {_LEARNED: " ".join(found)})


def learned_layers(model: onnx.ModelProto) -> list[str]:
    """Names of the layers with learned weights, in the order they run."""
    noted = {entry.key: entry.value for entry in model.metadata_props}.get(_LEARNED, "")
    learned = set(noted.split())
    return [
        node.name
        for node in model.graph.node
        if node.op_type in WITH_WEIGHTS and learned.intersection(node.input[1:2])
    ]


def network_region(model: onnx.ModelProto, layers: Collection[str]) -> list[str]:
    """Names of `layers` and of what stands between them, in the order they run.

    What feeds anything else than them is not in it: residuals, squares, distances and pooling stay as they
    are.
    """
    graph = model.graph
    maker = {output: node for node in graph.node for output in node.output}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    results = {tensor.name for tensor in graph.output}
    inside = {node.name for node in graph.node if node.op_type in _BETWEEN} | set(layers)

    def belongs(node: onnx.NodeProto) -> bool:
        fed_from_inside = any(name in maker and maker[name].name in inside for name in node.input)
        all_users_inside = all(
            output not in results and all(user.name in inside for user in users.get(output, []))
            for output in node.output
        )
        ends_a_layer = node.op_type.endswith("Relu") and fed_from_inside
        return fed_from_inside and (all_users_inside or ends_a_layer)

    while leaving := {
        node.name
        for node in graph.node
        if node.name in inside and node.name not in layers and not belongs(node)
    }:
        inside -= leaving
    return [node.name for node in graph.node if node.name in inside]
