"""The student: how unusual motion, crowding and picture of a scene are, in one streaming graph."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.cues import box_mean, foreground, peak
from vad_edge_training.models.density import MixtureDensity
from vad_edge_training.models.flow import GRAY_OF_BGR, HALF, GradientFlow, speed_of
from vad_edge_training.models.gallery import choose_pictures, fit_exposure, nearest_picture
from vad_edge_training.models.model import CELL, Card, Model, ModelConfig
from vad_edge_training.models.step import StepModel, StepSpec

PICTURE_S = 300.0
"""Footage behind each picture of the scene: medians of less show who passed by."""

EXAMPLES = 2_000
"""Clips that the density is fitted to."""

SAMPLES = 15_000
"""Places of normal footage that the density is fitted to."""

STILL = 100
"""Places that are made up beside them: where nothing ever moved, next to no motion is what is normal."""

STILL_SPREAD = (0.3, 0.3, 0.3, 0.1)
"""Velocity and speed in pixels a frame, and crowding, of those places."""


@dataclass(frozen=True)
class StudentConfig(ModelConfig):
    """What makes one student differ from another; plain values, stored in the checkpoint.

    large and small are the sides of the windows as shares of the frame's height. motion_persistence_s and
    background_persistence_s are time constants. foreground_threshold is in grey levels of a map cell.
    sparse is the share of foreground in a window below which its speed is drawn to zero.
    """

    height: int = 240
    width: int = 360
    pictures: int = 16
    components: int = 8
    large: float = 0.15
    small: float = 0.09
    foreground_threshold: float = 7.0
    sparse: float = 0.15
    motion_persistence_s: float = 0.3
    background_persistence_s: float = 0.6


class StudentFeatures(NamedTuple):
    """What a student makes of a frame before it scores.

    gray: (B, 1, H / 2, W / 2), for the next frame. moving: (B, 4, h, w), velocity, speed and crowding of the
    foreground, and maps: (B, 3, h, w), speed over two windows and distance to the picture, all followed over
    time. apart: (B, 3, h, w), grey levels between the frame and the picture of as much exposure.
    """

    gray: Tensor
    moving: Tensor
    maps: Tensor
    apart: Tensor


class Student(Model, StepModel):
    """Streaming video anomaly model with three cues.

    speed: of the foreground, in pixels a frame. rarity: of the foreground's velocity, speed and crowding
    together, as minus the logarithm of their density. background: squared distance to the nearest of a few
    pictures of the scene, in squared grey levels. Each is averaged over windows and a short time, and the
    frame's score is its largest window: small anomalies drown in a frame's mean. Which of them count on a
    camera is chosen when a bundle is made.
    """

    card = Card(name="student", summary="streaming motion density and gallery of the scene, for boards")
    config_type = StudentConfig
    follows_footage: ClassVar[bool] = True
    chooses_cues: ClassVar[bool] = True
    mixes_precision: ClassVar[bool] = False
    defaults: ClassVar[FitConfig] = FitConfig(epochs=1, batch_size=8, stride=8, learning_rate=1e-4)

    initial_previous: Tensor
    initial_pictures: Tensor
    rates: Tensor
    initial_moving: Tensor
    initial_maps: Tensor
    gray_weights: Tensor

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.config = config
        rows, columns = config.height // CELL, config.width // CELL
        self.large = _odd(config.large * rows)
        self.small = _odd(config.small * rows)
        window = max(_odd(config.large * rows * CELL / HALF / 2), 5)
        self.flow = GradientFlow(window, CELL // HALF, damping=4.0, fastest=16.0 / HALF)
        self.density = MixtureDensity(4, config.components)
        shapes: dict[str, tuple[int, ...]] = {
            "previous": (1, config.height // HALF, config.width // HALF),
            "pictures": (config.pictures, 3, rows, columns),
            "moving": (4, rows, columns),
            "maps": (3, rows, columns),
        }
        for name, shape in shapes.items():
            self.register_buffer(f"initial_{name}", torch.zeros(shape))
        soon, late = self.follow(config.motion_persistence_s), self.follow(config.background_persistence_s)
        self.register_buffer("rates", torch.tensor((soon, soon, late)).view(1, 3, 1, 1), persistent=False)
        gray = torch.tensor(GRAY_OF_BGR).view(1, 3, 1, 1)
        self.register_buffer("gray_weights", gray.expand(1, 3, HALF, HALF) / HALF**2, persistent=False)
        self.spec = StepSpec(
            name="student",
            height=config.height,
            width=config.width,
            map_height=rows,
            map_width=columns,
            cues=("speed", "rarity", "background"),
            fps=config.fps,
            warmup_frames=1 + 2 * round(config.fps * config.motion_persistence_s),
            states=shapes,
            lasting=frozenset({"pictures"}),
        )

    @property
    def clip_length(self) -> int:
        """The warm-up and the frame that is learned from."""
        return int(self.spec.warmup_frames) + 1

    def step_module(self) -> StepModel:
        """The student is a step graph itself."""
        return self

    def prepare(self, frames: Tensor, seconds: float) -> None:
        """Take the pictures of the scene from a sample of normal frames, uint8 (N, H, W, 3)."""
        cells = torch.stack([F.avg_pool2d(frame.permute(2, 0, 1).float(), CELL) for frame in frames])
        count = min(math.ceil(seconds / PICTURE_S), self.config.pictures)
        pictures = choose_pictures(cells, count)[torch.arange(self.config.pictures) % count]
        self.initial_pictures.copy_(pictures)
        picture = F.interpolate(pictures[:1], scale_factor=CELL)
        self.initial_previous.copy_(self._half_gray(picture)[0])

    @torch.no_grad()
    def begin(self, phase: str, clips: Iterable[Tensor]) -> None:
        """Fit the density to what moves in the training clips."""
        usual, count = [], 0
        for batch in clips:
            usual.append(self._last_features(batch))
            count += len(batch)
            if count >= EXAMPLES:
                break
        features = torch.cat(usual)
        crowded = features[:, 3] > self.config.sparse * 2 / 3
        samples = features.permute(0, 2, 3, 1)[crowded].cpu()
        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(len(samples), generator=generator)[:SAMPLES]
        still = torch.randn(STILL, 4, generator=generator) * torch.tensor(STILL_SPREAD)
        self.density.fit(torch.cat((samples[chosen], still)))

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Minus the log likelihood of what moves in clips, uint8 (B, T, H, W, 3), under the density."""
        with torch.no_grad():
            features = self._last_features(batch)
            crowded = (features[:, 3:4] > self.config.sparse * 2 / 3).float()
        loss = (self.density(features) * crowded).sum() / crowded.sum().clamp(min=1.0)
        return {"loss": loss}

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Score one frame; see `StepModel.advance`."""
        previous, pictures, moving, maps = state
        seen = self.observe(frame, weight.unsqueeze(1), previous, pictures, moving, maps)
        return self._score(seen), self._where(seen), (seen.gray, pictures, seen.moving, seen.maps)

    def observe(
        self, frame: Tensor, place: Tensor, previous: Tensor, pictures: Tensor, moving: Tensor, maps: Tensor
    ) -> StudentFeatures:
        """What there is to be scored; place is the frame's weight, (B, 1, h, w)."""
        pixels = frame.permute(0, 3, 1, 2)
        cells = F.avg_pool2d(pixels, CELL)
        picture = nearest_picture(cells, pictures)
        strange = (cells - picture).pow(2).mean(dim=1, keepdim=True) * place
        apart = cells - fit_exposure(picture, cells)
        surely = foreground(apart, self.config.foreground_threshold) * place

        gray = self._half_gray(pixels)
        velocity = HALF * self.flow(previous, gray)
        fast = speed_of(velocity) * surely
        now = torch.cat((velocity * surely, fast, surely), dim=1)
        soon = self.follow(self.config.motion_persistence_s)
        moving = moving + soon * (now - moving)

        large, small = (self._mean_speed(fast, surely, size) for size in (self.large, self.small))
        maps = maps + self.rates * (torch.cat((large, small, strange), dim=1) - maps)
        return StudentFeatures(gray, moving, maps, apart)

    def _score(self, seen: StudentFeatures) -> Tensor:
        rarity = self._rarity(self._features(seen.moving))
        strange = box_mean(seen.maps[:, 2:3], self.large)
        speed = seen.maps[:, :2].amax(dim=(2, 3)).mean(dim=1)
        return torch.stack((speed, peak(rarity), peak(strange)), dim=1)

    def _where(self, seen: StudentFeatures) -> Tensor:
        # How surely something is there, more so the faster it is: points at the anomaly more often than how
        # strange a place looks (docs/results.md), and still sees what does not move.
        return (box_mean(seen.moving[:, 3:], 3) * (0.5 + seen.maps[:, 1:2])).squeeze(1)

    def _features(self, moving: Tensor) -> Tensor:
        # Velocity, speed and crowding of windows; every second cell is enough.
        means = box_mean(moving, self.small, stride=2)
        crowding = means[:, 3:]
        return torch.cat((means[:, :3] / (crowding + 0.05), crowding), dim=1)

    def _rarity(self, features: Tensor) -> Tensor:
        # Nothing is rare where there is next to nothing; -5 is below what any normal place gets.
        enough = (features[:, 3:] / (self.config.sparse * 4 / 3)).clamp(max=1.0)
        rarity: Tensor = (self.density(features) + 5.0).clamp(min=0.0) * enough
        return box_mean(rarity, 3)

    def _mean_speed(self, fast: Tensor, surely: Tensor, size: int) -> Tensor:
        speed: Tensor = box_mean(fast, size) / (box_mean(surely, size) + self.config.sparse)
        return speed

    def follow(self, persistence_s: float) -> float:
        """How much of a change a mean over about that time takes up with a frame."""
        return float(1.0 / (1.0 + self.config.fps * persistence_s))

    def _half_gray(self, image: Tensor) -> Tensor:
        return F.conv2d(image, self.gray_weights, stride=HALF)

    def _last_features(self, clips: Tensor) -> Tensor:
        # Of the clips' last frames, as a camera would have them.
        previous, pictures, moving, maps = self.initial_state(len(clips))
        place = torch.ones(len(clips), 1, self.spec.map_height, self.spec.map_width, device=clips.device)
        for frame in clips.unbind(dim=1):
            seen = self.observe(frame.float(), place, previous, pictures, moving, maps)
            previous, moving, maps = seen.gray, seen.moving, seen.maps
        return self._features(moving)


def _odd(size: float) -> int:
    return max(2 * round((size - 1) / 2) + 1, 3)
