"""What every inference backend offers: one step of one graph for a batch of cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Manifest, Precision
from vad_edge.common.verdict import Verdict
from vad_edge.errors import EngineError


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


class EngineBackend(Protocol):
    """One way to run a bundle, as a plug-in gives it."""

    def fits(self, bundle: Bundle, precision: Precision | None, /) -> Verdict:
        """Whether it can run the bundle on this machine, at this precision or at any; opens nothing."""
        ...

    def graph(self, bundle: Bundle, precision: Precision | None, batch: int, /) -> Graph:
        """The graph that `open` would run, the fastest where precision is None. Raises BundleError."""
        ...

    def open(self, bundle: Bundle, precision: Precision | None, batch: int, threads: int | None, /) -> Engine:
        """An engine for so many cameras, with this share of the cores. Raises EngineError, BundleError."""
        ...


NEXT: Final = "_next"
"""What a state's output is called after its input."""


@dataclass(frozen=True, slots=True)
class TensorType:
    """A numpy dtype's name, and a shape with its batch axis; a symbolic axis is its name."""

    dtype: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(str(size) for size in self.shape)}]"


Tensors = dict[str, TensorType]


def host_inputs(manifest: Manifest) -> Tensors:
    """The inputs the caller fills, all but the state."""
    return {
        "frame": TensorType("uint8", ("B", manifest.height, manifest.width, 3)),
        "weight": TensorType("float32", ("B", manifest.map_height, manifest.map_width)),
        "active": TensorType("bool", ("B",)),
        "reset": TensorType("bool", ("B",)),
    }


def host_outputs(manifest: Manifest) -> Tensors:
    """The outputs the caller reads, all but the state."""
    return {
        "score": TensorType("float32", ("B", len(manifest.cues))),
        "error_map": TensorType("float32", ("B", manifest.map_height, manifest.map_width)),
    }


def states(manifest: Manifest) -> Tensors:
    """The state, by the names of its inputs."""
    return {state.name: TensorType(state.dtype, ("B", *state.shape)) for state in manifest.states}


def buffers(tensors: Tensors, batch: int) -> dict[str, NDArray[Any]]:
    """Zeros for each tensor, at a batch of this size."""
    return {
        name: np.zeros([size if isinstance(size, int) else batch for size in tensor.shape], tensor.dtype)
        for name, tensor in tensors.items()
    }


def step_inputs(manifest: Manifest, batch: int) -> StepInputs:
    """The buffers of one step: every camera active, every place ordinary."""
    inputs = buffers(host_inputs(manifest), batch)
    inputs["weight"][:] = 1.0
    inputs["active"][:] = True
    return StepInputs(**inputs)


def check_state(state: Mapping[str, NDArray[Any]], wanted: Tensors, batch: int) -> None:
    """Compare a state with what an engine of `wanted` holds. Raises EngineError for another shape or name."""
    if state.keys() != wanted.keys():
        raise EngineError(f"a state of {sorted(state)}, the model has {sorted(wanted)}")
    for name, mine in buffers(wanted, batch).items():
        value = state[name]
        if value.shape != mine.shape or value.dtype != mine.dtype:
            found, expected = f"{value.dtype} {value.shape}", f"{mine.dtype} {mine.shape}"
            raise EngineError(f"state {name!r} is {found}, the engine holds {expected}")


def check_graph(manifest: Manifest, inputs: Tensors, outputs: Tensors, where: str) -> None:
    """Compare a loaded graph with the manifest. Raises EngineError naming the first tensor that differs."""
    state = states(manifest)
    new_state = {name + NEXT: tensor for name, tensor in state.items()}
    _check("input", inputs, {**host_inputs(manifest), **state}, where)
    _check("output", outputs, {**host_outputs(manifest), **new_state}, where)


def _check(
    side: str, found: Mapping[str, TensorType], expected: Mapping[str, TensorType], where: str
) -> None:
    fix = "export the bundle again"
    for name in [*found, *expected]:
        if name not in expected:
            raise EngineError(f"{side} {name!r} is not in the manifest", where=where, fix=fix)
        if name not in found:
            raise EngineError(f"{side} {name!r} is not in the graph", where=where, fix=fix)
        if found[name] != expected[name]:
            what = f"{side} {name!r} is {found[name]}, the manifest says {expected[name]}"
            raise EngineError(what, where=where, fix=fix)
