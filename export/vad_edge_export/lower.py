"""A step model as the contents of a bundle."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import torch

from vad_edge.bundle.manifest import Clock, Graph, Manifest, Provenance, StateTensor
from vad_edge_export.onnx import export_step_graph
from vad_edge_training.models.step import StepModel

GRAPH: Final = "model.fp32.onnx"


def lower(model: StepModel, *, name: str, provenance: Provenance) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and members of a bundle of `model`: its fp32 graph and its states' initial values.

    States that begin alike share a member, and those that begin at zero need none.
    """
    spec = model.spec
    members = {GRAPH: export_step_graph(model)}
    initial: dict[str, str | None] = {}
    known: dict[bytes, str] = {}
    for state, value in zip(spec.states, model.initial_state(1), strict=True):
        contents = _npy(value[0])
        initial[state] = known.setdefault(contents, _member(state)) if value.any() else None
    members.update({member: contents for contents, member in known.items()})
    manifest = Manifest(
        name=name,
        height=spec.height,
        width=spec.width,
        map_height=spec.map_height,
        map_width=spec.map_width,
        clock=Clock(fps=spec.fps, warmup_frames=spec.warmup_frames, delay_frames=spec.delay_frames),
        cues=spec.cues,
        states=tuple(
            StateTensor(name=state, shape=shape, initial=initial[state])
            for state, shape in spec.states.items()
        ),
        graphs=(Graph(member=GRAPH, precision="fp32"),),
        provenance=provenance,
        members={},
    )
    return manifest, members


def _member(state: str) -> str:
    return f"initial.{state}.npy"


def _npy(value: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value.numpy(), allow_pickle=False)
    return buffer.getvalue()
