"""What every inference backend offers: one step of one graph for a batch of cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.manifest import Graph


@dataclass(frozen=True, slots=True)
class StepInputs:
    """The host buffers of one step, allocated once by the engine and filled in place by the caller.

    frame   uint8   (B, H, W, 3), BGR.
    weight  float32 (B, h, w), per-place weight before pooling; 0 ignores a place, 1 is ordinary.
    active  bool    (B,), false leaves a camera's state as it is and its score meaningless.
    reset   bool    (B,), true starts a camera from the trained initial state before this frame.
    """

    frame: NDArray[np.uint8]
    weight: NDArray[np.float32]
    active: NDArray[np.bool_]
    reset: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StepOutputs:
    """What one step gives; the arrays are valid until the next step.

    score     float32 (B, K), one column per cue of the manifest, higher is more anomalous.
    error_map float32 (B, h, w), non-negative, for localisation.
    """

    score: NDArray[np.float32]
    error_map: NDArray[np.float32]


class Engine(Protocol):
    """One compiled graph with its state: cameras share a call, each has its row of the batch."""

    @property
    def name(self) -> str:
        """Backend and precision, as shown to people: ``onnxruntime-cpu fp32``."""
        ...

    @property
    def graph(self) -> Graph:
        """The graph of the bundle that it runs."""
        ...

    @property
    def inputs(self) -> StepInputs:
        """The buffers `step` reads."""
        ...

    def step(self) -> StepOutputs:
        """Run the graph once over `inputs` and keep the new state. Raises EngineError."""
        ...

    def snapshot(self) -> Mapping[str, NDArray[Any]]:
        """A copy of the state, by state name, each (B, ...)."""
        ...

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take up a state given by `snapshot`. Raises EngineError for another shape or name."""
        ...

    def close(self) -> None:
        """Free what the engine holds."""
        ...
