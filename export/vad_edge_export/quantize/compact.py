"""Smaller constants that mean the same: trained initial states are pictures, or nothing at all."""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

_LARGE_BYTES: Final = 16_384


def compact_constants(model: onnx.ModelProto, keep: frozenset[str] = frozenset()) -> None:
    """Shrink large float32 constants of `model` in place without changing a result; `keep` names exceptions.

    Two that are the same become one. One that holds a single value and only starts a state becomes that
    value, which broadcasts. One that half precision holds exactly, as it does whole grey levels, is stored so
    and cast back.
    """
    graph = model.graph
    _share_equals(graph)
    for constant in list(graph.initializer):
        if constant.name in keep or constant.data_type != onnx.TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(constant)
        if value.nbytes < _LARGE_BYTES:
            continue
        if _is_uniform(value) and _only_starts_a_state(graph, constant.name):
            single = value.ravel()[:1].reshape((1,) * value.ndim)
            constant.CopyFrom(numpy_helper.from_array(single, constant.name))
            _forget_shapes_of(graph, constant.name)
        elif _is_exact_in_half(value):
            _store_as_half(graph, constant, value)


def drop_unused_constants(graph: onnx.GraphProto) -> None:
    """Take out of `graph` in place what no node reads."""
    used = {name for node in graph.node for name in node.input}
    for constant in list(graph.initializer):
        if constant.name not in used:
            graph.initializer.remove(constant)


def _share_equals(graph: onnx.GraphProto) -> None:
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    for constant in list(graph.initializer):
        if len(constant.raw_data) < _LARGE_BYTES:
            continue
        known = first.setdefault((constant.data_type, tuple(constant.dims), constant.raw_data), constant.name)
        if known != constant.name:
            for node in graph.node:
                node.input[:] = [known if name == constant.name else name for name in node.input]
            graph.initializer.remove(constant)


def _is_uniform(value: NDArray[np.float32]) -> bool:
    return bool((value == value.flat[0]).all())


def _is_exact_in_half(value: NDArray[np.float32]) -> bool:
    return bool(np.abs(value).max() <= np.finfo(np.float16).max) and bool(
        (value.astype(np.float16).astype(np.float32) == value).all()
    )


def _only_starts_a_state(graph: onnx.GraphProto, name: str) -> bool:
    """Whether all that comes of a constant is a branch of a Where, which broadcasts it."""
    users = [node for node in graph.node if name in node.input]
    return bool(users) and all(
        node.op_type == "Where"
        or (node.op_type == "Unsqueeze" and _only_starts_a_state(graph, node.output[0]))
        for node in users
    )


def _forget_shapes_of(graph: onnx.GraphProto, name: str) -> None:
    """Drop what the exporter noted of the shape of a constant and of its Unsqueeze."""
    users = [node for node in graph.node if name in node.input and node.op_type == "Unsqueeze"]
    stale = {name, *(node.output[0] for node in users)}
    for value in list(graph.value_info):
        if value.name in stale:
            graph.value_info.remove(value)


def _store_as_half(graph: onnx.GraphProto, constant: onnx.TensorProto, value: NDArray[np.float32]) -> None:
    name = constant.name
    constant.CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}_half"))
    cast = onnx.helper.make_node(
        "Cast", [f"{name}_half"], [name], name=f"cast_{name}", to=onnx.TensorProto.FLOAT
    )
    graph.node.insert(0, cast)
