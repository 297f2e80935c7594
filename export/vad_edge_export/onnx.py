"""A step model as one ONNX graph."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Final

import onnx
import torch

from vad_edge.errors import EngineError
from vad_edge.inference.engine import NEXT
from vad_edge_export.quantize.compact import compact_constants
from vad_edge_export.quantize.region import note_learned
from vad_edge_training.models.step import StepModel

OPSET: Final = 18
BATCH: Final = "B"
"""The one symbolic dimension of the graph; tensors inside may have a multiple of it."""


def export_step_graph(model: StepModel) -> bytes:
    """The graph of `model` as ONNX, weights inside.

    Inputs frame, weight, active, reset and each state; outputs score, error_map and each state under its
    name + "_next". The batch is the one symbolic dimension. Leaves the model in eval mode. Raises
    EngineError for a model that does not become such a graph.
    """
    spec = model.eval().spec
    states = list(spec.states)
    batch = 2
    example = (
        torch.zeros(batch, spec.height, spec.width, 3, dtype=torch.uint8),
        torch.ones(batch, spec.map_height, spec.map_width),
        torch.ones(batch, dtype=torch.bool),
        torch.zeros(batch, dtype=torch.bool),
        *model.initial_state(batch),
    )
    fixed = ["frame", "weight", "active", "reset"]
    axis = {0: torch.export.Dim(BATCH, min=1)}
    try:
        with _quiet_exporter(), torch.no_grad():
            program = torch.onnx.export(
                model,
                example,
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[*fixed, *states],
                output_names=["score", "error_map", *(name + NEXT for name in states)],
                dynamic_shapes={**dict.fromkeys(fixed, axis), "state": tuple(axis for _ in states)},
            )
            if program is None:
                raise EngineError(f"the exporter gave no graph of model {spec.name!r}")
            graph = program.model_proto
        onnx.checker.check_model(graph, full_check=True)
    except (torch.onnx.OnnxExporterError, onnx.checker.ValidationError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise EngineError(f"model {spec.name!r} cannot become an ONNX graph: {reason}") from error
    _check_symbols(graph, spec.name)
    _forget_where_it_was_made(graph)
    learned = {name for name, _ in model.named_parameters()}
    compact_constants(graph, keep=frozenset(learned))
    note_learned(graph, learned)
    data: bytes = graph.SerializeToString()
    return data


def symbolic_dimensions(graph: onnx.ModelProto) -> set[str]:
    """Names of all symbolic dimensions in the graph."""
    tensors = (*graph.graph.input, *graph.graph.output, *graph.graph.value_info)
    return {axis.dim_param for tensor in tensors for axis in tensor.type.tensor_type.shape.dim} - {""}


def _check_symbols(graph: onnx.ModelProto, name: str) -> None:
    symbols = symbolic_dimensions(graph)
    if BATCH not in symbols or not all(re.fullmatch(rf"(\d+\*)?{BATCH}", symbol) for symbol in symbols):
        raise EngineError(
            f"the graph of model {name!r} has the symbolic dimensions {sorted(symbols)}, not only {BATCH!r}",
            fix="its shapes may depend on nothing but the batch",
        )


def _forget_where_it_was_made(graph: onnx.ModelProto) -> None:
    """Drop the stack traces that the exporter leaves: they name folders of the machine."""
    for part in (
        *graph.graph.node,
        *graph.graph.value_info,
        *graph.graph.input,
        *graph.graph.output,
        graph.graph,
    ):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without what torch says of packages we do not use, an axis shared on purpose, and its own insides."""
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="# The axis name", category=UserWarning)
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec", category=FutureWarning)
            yield
    finally:
        registry.setLevel(level)
