"""Who a student can learn from: fitted models by their checkpoints, and scores that need no learning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vad_edge.errors import ConfigError
from vad_edge_training.evaluate.baselines import BackgroundDistance, ForegroundSpeed, Gray, median_background
from vad_edge_training.fit.checkpoint import load_model
from vad_edge_training.fit.hardware import quickest_device
from vad_edge_training.models.insight import GivesInsight, Insight
from vad_edge_training.models.step import StepSpec

Frames = NDArray[np.uint8]
Maps = NDArray[np.float32]

CLASSICAL: Final = {kind.name: kind for kind in (ForegroundSpeed, BackgroundDistance)}
"""Teachers that are there without a checkpoint, by name."""

_LEAST: Final = 1e-6

_CLIPS: Final = 8
"""Clips that a model is asked about at once."""


class Offer(NamedTuple):
    """How many features and prototypes a teacher has for each place; 0 of what it has not."""

    features: int = 0
    prototypes: int = 0

    def only(self, names: Collection[str]) -> Offer:
        """What of it is named."""
        return Offer(*(count if name in names else 0 for name, count in self._asdict().items()))


class Places(NamedTuple):
    """What a teacher makes of the places of a sequence, at a size of its own.

    features: (T, h, w, C). shares: (T, h, w, M), how much each place belongs to each prototype, adding up to
    one over M. C or M is 0 where there are none.
    """

    features: Maps
    shares: Maps


class Inner:
    """What a model makes of places on its way to a map: features and prototypes, at a size of its own."""

    def __init__(self, model: GivesInsight, spec: StepSpec, device: torch.device) -> None:
        self._model = model
        self._spec = spec
        self._device = device
        features, shares = self._of(torch.zeros(1, model.clip_length, spec.height, spec.width, 3))
        self.offer = Offer(features.shape[1], 0 if shares is None else shares.shape[1])

    def places(self, frames: Frames) -> Places:
        """What it makes of a sequence, uint8 (T, H, W, 3) BGR; the first frame stands in for earlier ones."""
        images = torch.stack([torch.from_numpy(_resized(frame, self._spec)) for frame in frames])
        length = self._model.clip_length
        clips = (torch.arange(len(frames))[:, None] + torch.arange(1 - length, 1)).clamp(min=0)
        told = [self._of(images[some]) for some in torch.split(clips, _CLIPS)]
        features = self._by_frame([insight.features for insight in told])
        shares = [insight.shares for insight in told if insight.shares is not None]
        return Places(features, self._by_frame(shares) if shares else features[..., :0])

    @torch.no_grad()
    def _of(self, clips: Tensor) -> Insight:
        return self._model.insight(clips.to(self._device).permute(0, 1, 4, 2, 3).float() / 255.0)

    def _by_frame(self, parts: Sequence[Tensor]) -> Maps:
        maps = torch.cat(tuple(parts)).permute(0, 2, 3, 1).cpu().numpy()
        return _moved(maps, self._spec.delay_frames)


class Teacher(Protocol):
    """Says of every place of a frame how unusual it is, on a scale of its own.

    warmup is how many frames of a sequence its maps mean nothing for. inner is what it has beside maps.
    """

    name: str
    warmup: int
    inner: Inner | None

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
    inner: Inner | None = None

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
        self.inner = Inner(model, spec, self._device) if isinstance(model, GivesInsight) else None

    @torch.no_grad()
    def maps(self, frames: Frames) -> Maps:
        spec = self._step.spec
        state = self._step.initial_state(1)
        weight = torch.ones(1, spec.map_height, spec.map_width, device=self._device)
        found = []
        for frame in frames:
            image = torch.from_numpy(_resized(frame, spec))[None].to(self._device).float()
            _, error, state = self._step.advance(image, weight, *state)
            found.append(error[0].clamp(min=_LEAST).log().cpu().numpy())
        return _moved(np.stack(found), spec.delay_frames)


def _moved(maps: Maps, delay: int) -> Maps:
    """Maps that belong to an earlier frame than the last one seen, at that frame; the end has none."""
    return np.concatenate((maps[delay:], maps[-1:].repeat(delay, axis=0)))


def _resized(frame: Frames, spec: StepSpec) -> Frames:
    resized = cv2.resize(frame, (spec.width, spec.height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


def _gray(frame: Frames) -> Gray:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
