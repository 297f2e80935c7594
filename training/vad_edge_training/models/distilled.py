"""A student with one more cue: what other systems say of a place, learned by a small network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vad_edge_training.fit.schedule import FitConfig, Phase, Turn
from vad_edge_training.models.cues import box_mean, peak
from vad_edge_training.models.model import Card
from vad_edge_training.models.student import Student, StudentConfig, StudentFeatures

INPUTS = 7
"""Channels of what the network sees: colours apart from the picture, size of velocity, speed, crowding."""

LEVELS = 32.0
PIXELS = 4.0
"""Grey levels and pixels a frame that the network sees as one."""


@dataclass(frozen=True)
class DistilledConfig(StudentConfig):
    """A student's configuration, and the channels of the network's layers."""

    channels: int = 24


class DistilledStudent(Student):
    """A student whose cue ``taught`` is a map of teachers' surprises, predicted from what the student sees.

    The network is fitted to maps, not to pictures: a student that predicts anomalies well is a worse
    detector. Its last hidden layer may be drawn to teachers' features and prototypes, by adapters that are
    no part of the student. See `vad_edge_training.distill.distill`.
    """

    card = Card(name="distilled", summary="the student with a cue taught by other systems' error maps")
    config_type = DistilledConfig
    defaults: ClassVar[FitConfig] = FitConfig(epochs=12, batch_size=8, stride=1, learning_rate=2e-3)
    needs_teachers: ClassVar[bool] = True

    initial_taught: Tensor
    config: DistilledConfig

    def __init__(self, config: DistilledConfig) -> None:
        super().__init__(config)
        channels = config.channels
        self.network = nn.Sequential(
            nn.Conv2d(INPUTS, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=2, dilation=2),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=4, dilation=4),
            nn.ReLU(),
            nn.Conv2d(channels, 1, 1),
        )
        rows, columns = self.spec.map_height, self.spec.map_width
        self.register_buffer("initial_taught", torch.zeros(1, rows, columns))
        self.spec = replace(
            self.spec,
            name=self.card.name,
            cues=(*self.spec.cues, "taught"),
            states={**self.spec.states, "taught": (1, rows, columns)},
        )

    def phases(self) -> Sequence[Phase]:
        """The network alone: the student's own cues stay as they were fitted."""
        return (Phase("network", (Turn("maps", ("network.",)),)),)

    def begin(self, phase: str, clips: Iterable[Tensor]) -> None:
        """There is nothing to set up."""

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """How far predicted maps are from the teachers'.

        batch: float32 (B, h, w, `INPUTS` + 1), what `views` gives and the teachers' surprises.
        """
        channels = batch.permute(0, 3, 1, 2)
        _, predicted = self.predict(channels[:, :INPUTS])
        return {"loss": map_loss(predicted, channels[:, INPUTS:])}

    def predict(self, view: Tensor) -> tuple[Tensor, Tensor]:
        """The network's last hidden layer (B, channels, h, w) and its map (B, 1, h, w), before any window.

        view: (B, `INPUTS`, h, w), as `views` gives it but for the order of the axes.
        """
        hidden = self.network[:-1](view)
        return hidden, self.network[-1](hidden)

    @torch.no_grad()
    def views(self, frames: Iterable[Tensor]) -> Tensor:
        """What the network sees of a camera's frames, uint8 (H, W, 3) each: float32 (T, h, w, `INPUTS`)."""
        previous, pictures, moving, maps, _ = self.initial_state(1)
        place = torch.ones(1, 1, self.spec.map_height, self.spec.map_width)
        views = []
        for frame in frames:
            seen = self.observe(frame.float().unsqueeze(0), place, previous, pictures, moving, maps)
            previous, moving, maps = seen.gray, seen.moving, seen.maps
            views.append(self._view(seen)[0].permute(1, 2, 0))
        return torch.stack(views)

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Score one frame; see `StepModel.advance`."""
        previous, pictures, moving, maps, taught = state
        place = weight.unsqueeze(1)
        seen = self.observe(frame, place, previous, pictures, moving, maps)
        now = self.network(self._view(seen)) * place
        taught = taught + self.follow(self.config.motion_persistence_s) * (now - taught)
        lesson = peak(box_mean(taught, self.small)).unsqueeze(1)
        score = torch.cat((self._score(seen), lesson), dim=1)
        return score, self._where(seen), (seen.gray, pictures, seen.moving, seen.maps, taught)

    def _view(self, seen: StudentFeatures) -> Tensor:
        # Sizes of velocities: examples are mirrored, and a mirrored picture moves the other way.
        velocity, rest = seen.moving[:, :2].abs(), seen.moving[:, 2:3]
        return torch.cat((seen.apart / LEVELS, velocity / PIXELS, rest / PIXELS, seen.moving[:, 3:]), dim=1)


def map_loss(predicted: Tensor, surprise: Tensor) -> Tensor:
    """How far predicted maps are from the teachers' surprises, both (B, 1, h, w)."""
    return F.smooth_l1_loss(predicted, surprise)
