"""A torch model as an engine, so that whatever runs engines runs it too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vad_edge.bundle.manifest import Graph
from vad_edge.inference.engine import StepInputs, StepOutputs
from vad_edge_training.models.step import StepModel


class TorchEngine:
    """A step model where its weights are, see `vad_edge.inference.engine.Engine`.

    graph is the one of a bundle that was made of the model: its calibration is the model's. On a CPU a step
    takes one thread: on a busy machine torch's threads wait for each other a hundred times longer than they
    work.
    """

    def __init__(self, model: StepModel, graph: Graph, batch: int) -> None:
        self.graph = graph
        self._model = model.eval()
        spec = model.spec
        self.inputs = StepInputs(
            frame=np.zeros((batch, spec.height, spec.width, 3), np.uint8),
            weight=np.ones((batch, spec.map_height, spec.map_width), np.float32),
            active=np.ones(batch, np.bool_),
            reset=np.zeros(batch, np.bool_),
        )
        self._state = model.initial_state(batch)
        self._device = self._state[0].device
        self.name = f"torch-{self._device.type} {graph.precision}"

    @torch.no_grad()
    def step(self) -> StepOutputs:
        """Run the model once over `inputs` and keep the new state."""
        given = self.inputs
        with _one_thread():
            taken = [
                torch.from_numpy(part).to(self._device)
                for part in (given.frame, given.weight, given.active, given.reset)
            ]
            score, error_map, *state = self._model(*taken, *self._state)
        self._state = tuple(state)
        return StepOutputs(score.cpu().numpy(), error_map.cpu().numpy())

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of the state, by state name, each (B, ...)."""
        names = self._model.spec.states
        return {name: value.cpu().numpy().copy() for name, value in zip(names, self._state, strict=True)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take up a state given by `snapshot`."""
        self._state = tuple(
            torch.from_numpy(state[name].copy()).to(self._device) for name in self._model.spec.states
        )

    def close(self) -> None:
        """Nothing is held that garbage collection would not free."""


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
