"""The step-graph contract as a torch module: what every exportable model looks like."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class StepSpec:
    """What the host must know to run a step model; it becomes the bundle's manifest.

    height, width: the model's input size. map_height, map_width: size of weight and error map.
    cues: names of the score's columns. fps, warmup_frames, delay_frames: the model's clock.
    states: state names with their shapes, without the batch axis. lasting: those a step never changes, such
    as what is known of a camera's scene; a reset leaves them as they are.
    """

    name: str
    height: int
    width: int
    map_height: int
    map_width: int
    cues: tuple[str, ...]
    fps: float
    warmup_frames: int
    states: dict[str, tuple[int, ...]]
    delay_frames: int = 0
    lasting: frozenset[str] = frozenset()


class StepModel(nn.Module):
    """A model that takes one new frame per camera and carries its own memory.

    A subclass sets `spec`, registers each state's initial value as a buffer `initial_<state>` of the shape
    in the spec, and implements `advance`. Colour order, scaling, prediction, error and pooling all happen
    inside; `active` and `reset` are handled here, once for all models.
    """

    spec: StepSpec

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """The trained initial state, each tensor (B, ...), in the order of the spec."""
        return tuple(
            self._initial(name).expand(batch, *shape).clone() for name, shape in self.spec.states.items()
        )

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Score one frame.

        frame: float32 (B, H, W, 3) BGR in 0..255. weight: float32 (B, h, w). state: as the spec says.
        Returns score (B, K), error map (B, h, w) and the new state.
        """
        raise NotImplementedError

    def forward(
        self, frame: Tensor, weight: Tensor, active: Tensor, reset: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        """One step: frame is uint8 (B, H, W, 3); returns score, error map, then each new state."""
        image = frame.float()  # TensorRT takes a UINT8 input only if the cast is the first op
        lasting = self.spec.lasting
        started = tuple(
            value
            if name in lasting
            else torch.where(_per_camera(reset, value), self._initial(name).unsqueeze(0), value)
            for name, value in zip(self.spec.states, state, strict=True)
        )
        score, error_map, advanced = self.advance(image, weight, *started)
        kept = tuple(
            old.clone() if name in lasting else torch.where(_per_camera(active, new), new, old)
            for name, new, old in zip(self.spec.states, advanced, state, strict=True)
        )
        return score, error_map, *kept

    def _initial(self, name: str) -> Tensor:
        return self.get_buffer(f"initial_{name}")


def _per_camera(flags: Tensor, like: Tensor) -> Tensor:
    return flags.view(-1, *([1] * (like.dim() - 1)))
