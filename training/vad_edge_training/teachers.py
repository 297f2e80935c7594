"""Who a student can learn from: fitted models by their checkpoints, and scores that need no learning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vad_edge.errors import ConfigError
from vad_edge_training.baselines import BackgroundDistance, ForegroundSpeed, Gray, median_background
from vad_edge_training.checkpoint import load_model
from vad_edge_training.hardware import quickest_device

Frames = NDArray[np.uint8]
Maps = NDArray[np.float32]

CLASSICAL: Final = {kind.name: kind for kind in (ForegroundSpeed, BackgroundDistance)}
"""Teachers that are there without a checkpoint, by name."""

_LEAST: Final = 1e-6


class Teacher(Protocol):
    """Says of every place of a frame how unusual it is, on a scale of its own.

    warmup is how many frames of a sequence its maps mean nothing for.
    """

    name: str
    warmup: int

    def maps(self, frames: Frames) -> Maps:
        """Maps (T, h, w) of a sequence of frames, uint8 (T, H, W, 3) BGR; higher is more unusual."""
        ...


def open_teacher(wanted: str, normal: Sequence[Frames], fps: float) -> Teacher:
    """A teacher by the path of its checkpoint or, of `CLASSICAL`, by its name.

    normal holds clips of the scene for those that have learned nothing yet, fps their rate. Raises
    ConfigError for a name there is not and for a model of another frame rate, DataError for a file that is no
    checkpoint.
    """
    if wanted in CLASSICAL:
        background = median_background([[_gray(frame) for frame in clip] for clip in normal])
        return _Classical(CLASSICAL[wanted](background))
    path = Path(wanted)
    if not path.exists():
        raise ConfigError(
            f"there is no teacher {wanted!r}",
            where="teacher",
            fix=f"give the checkpoint of a training, or one of {', '.join(CLASSICAL)}",
        )
    return _Fitted(path, fps)


class _Classical:
    warmup = 8

    def __init__(self, baseline: ForegroundSpeed | BackgroundDistance) -> None:
        self.name = baseline.name
        self._baseline = baseline

    def maps(self, frames: Frames) -> Maps:
        self._baseline.reset()
        return np.stack([self._baseline.map(_gray(frame)) for frame in frames])


class _Fitted:
    """Its logarithm: a prediction error spans orders of magnitude."""

    def __init__(self, checkpoint: Path, fps: float) -> None:
        model = load_model(checkpoint)
        self._device = quickest_device()
        self._step = model.step_module().eval().to(self._device)
        spec = self._step.spec
        if spec.fps != fps:
            raise ConfigError(
                f"it watches {spec.fps:g} frames a second, the student {fps:g}",
                where=str(checkpoint),
                fix=f"train the teacher with --fps {fps:g}, or the student with --fps {spec.fps:g}",
            )
        self.name = f"{model.card.name} ({checkpoint.parent.name})"
        self.warmup = spec.warmup_frames
        self._delay = spec.delay_frames

    @torch.no_grad()
    def maps(self, frames: Frames) -> Maps:
        spec = self._step.spec
        state = self._step.initial_state(1)
        weight = torch.ones(1, spec.map_height, spec.map_width, device=self._device)
        found = []
        for frame in frames:
            resized = cv2.resize(frame, (spec.width, spec.height), interpolation=cv2.INTER_AREA)
            image = torch.from_numpy(resized)[None].to(self._device).float()
            _, error, state = self._step.advance(image, weight, *state)
            found.append(error[0].clamp(min=_LEAST).log().cpu().numpy())
        # A map that belongs to an earlier frame than the last is moved to it; the end has none.
        return np.stack(found[self._delay :] + found[-1:] * self._delay)


def _gray(frame: Frames) -> Gray:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
