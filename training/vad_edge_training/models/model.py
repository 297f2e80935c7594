"""What every model offers: a schedule to fit it by, a loss, a score, and the step graph it becomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import ConfigDict
from torch import Tensor, nn

from vad_edge.errors import ConfigError
from vad_edge_training.fit.schedule import JOINT, FitConfig, Phase
from vad_edge_training.models.step import StepModel, StepSpec

CELL = 4
"""Side of a map cell in pixels: weights and error maps are H / 4 x W / 4."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is, for people who choose one.

    paper_auc holds the paper's own frame AUC in percent by dataset, after min-max within each clip.
    paper_score says how the paper mixes the cues, each min-max'd within its clip: weights by cue.
    one_class is false for a model that sees labelled anomalies in training.
    """

    name: str
    summary: str
    paper: str = ""
    paper_auc: Mapping[str, float] = field(default_factory=dict)
    paper_score: Mapping[str, float] = field(default_factory=dict)
    one_class: bool = True


@dataclass(frozen=True)
class ModelConfig:
    """Plain values that make one model differ from another; they are stored in its checkpoint.

    A subclass whose layers fold the image sets `multiple`. Raises ConfigError for a size that does not fold.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    multiple: ClassVar[int] = 8

    height: int = 256
    width: int = 256
    fps: float = 10.0

    def __post_init__(self) -> None:
        fold = self.multiple
        if self.height % fold or self.width % fold or min(self.height, self.width) < 2 * fold:
            near = "x".join(str(max(round(side / fold), 2) * fold) for side in (self.height, self.width))
            raise ConfigError(
                f"{self.height}x{self.width}: height and width must be multiples of {fold}",
                where="size",
                fix=f"{near} is near",
            )


class Model(nn.Module, ABC):
    """A video anomaly model: what `fit` trains, `evaluate` measures and `export` lowers.

    A subclass sets card, config_type and defaults (how its paper, or measurement, fits it), and gives
    clip_length, the frames of one training example. It never changes a parameter or buffer in eval mode.
    """

    card: ClassVar[Card]
    config_type: ClassVar[type[Any]]
    defaults: ClassVar[FitConfig] = FitConfig()
    follows_footage: ClassVar[bool] = False
    """Whether input size and frame rate are the footage's unless they are given, not the configuration's."""
    chooses_cues: ClassVar[bool] = False
    """Whether those cues count that tell synthetic anomalies in held-out footage best, and not all."""
    mixes_precision: ClassVar[bool] = True
    """Whether a fit in bfloat16, where that is quicker, is as good: not for what is little and exact."""
    needs_teachers: ClassVar[bool] = False
    """Whether it is fitted by `distill`, to maps of other systems."""

    config: Any

    @property
    @abstractmethod
    def clip_length(self) -> int:
        """Frames of one training example."""

    def phases(self) -> Sequence[Phase]:
        """The training schedule; one phase that moves everything unless a subclass says otherwise."""
        return JOINT

    def prepare(self, frames: Tensor, seconds: float) -> None:
        """Take what the model needs from a sample of normal frames, uint8 (N, H, W, 3) BGR, before a fit.

        seconds is how much footage the frames are spread over.
        """

    def begin(self, phase: str, clips: Iterable[Tensor]) -> None:
        """Set up a phase from the training batches, for instance cluster centres; called at its start."""

    @abstractmethod
    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """The losses of one batch: "loss" is what the turn minimises, the others are shown.

        batch: uint8 (B, T, H, W, 3) BGR with T = clip_length; (B, 3, T, H, W, 3) of anchor, positive and
        negative for a model that is not one-class.
        """

    def score(self, clip: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score the last frames of clips as a camera would, from the initial state.

        clip: uint8 (B, T, H, W, 3). weight: float32 (B, h, w), ones by default. Returns score (B, K), the
        model's answer to the clip's last frame, and error map (B, h, w).
        """
        step = self.step_module()
        batch, length = clip.shape[:2]
        if weight is None:
            weight = torch.ones(batch, step.spec.map_height, step.spec.map_width, device=clip.device)
        state = step.initial_state(batch)
        for frame in range(length):
            score, error_map, state = step.advance(clip[:, frame].float(), weight, *state)
        return score, error_map

    @abstractmethod
    def step_module(self) -> StepModel:
        """The model as a step graph; shares its weights."""


class ClipModel(Model):
    """A model that scores a short clip at once and keeps the clip's past frames as its state.

    A subclass gives cues and implements `score_clip`; delay_frames is for one whose score belongs to an
    earlier frame than the last.
    """

    cues: ClassVar[tuple[str, ...]]

    @property
    def delay_frames(self) -> int:
        """How many frames before the clip's last one the score belongs to."""
        return 0

    @abstractmethod
    def score_clip(self, clip: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Score clips, each on its own and without any memory between calls.

        clip: float32 (B, T, 3, H, W) BGR in 0..1, T = clip_length. weight: float32 (B, H / 4, W / 4).
        Returns score (B, K), one column for each cue, higher is more anomalous, and error map
        (B, H / 4, W / 4).
        """

    def step_module(self) -> StepModel:
        """The model with its past frames as state."""
        return ClipStep(self)


class ClipStep(StepModel):
    """A clip model as a step model: the past frames are its state, float32 (3 * (T - 1), H, W) in 0..1."""

    initial_past: Tensor

    def __init__(self, model: ClipModel) -> None:
        super().__init__()
        self.model = model
        config = model.config
        past = model.clip_length - 1
        self.spec = StepSpec(
            name=model.card.name,
            height=config.height,
            width=config.width,
            map_height=config.height // CELL,
            map_width=config.width // CELL,
            cues=model.cues,
            fps=config.fps,
            warmup_frames=past,
            delay_frames=model.delay_frames,
            states={"past": (3 * past, config.height, config.width)},
        )
        device = next(model.parameters()).device
        self.register_buffer("initial_past", torch.zeros(self.spec.states["past"], device=device))

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Score one frame; see `StepModel.advance`."""
        (past,) = state
        images = torch.cat((past, frame.permute(0, 3, 1, 2) / 255.0), dim=1)
        clip = images.reshape(-1, self.model.clip_length, 3, *images.shape[2:])
        score, error_map = self.model.score_clip(clip, weight)
        return score, error_map, (images[:, 3:],)


def clip_images(batch: Tensor) -> Tensor:
    """Clips as images: uint8 (B, T, H, W, 3) -> float32 (B, T, 3, H, W) in 0..1."""
    return batch.permute(0, 1, 4, 2, 3).float() / 255.0


def squared_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Squared error of images in 0..1, over channels and map cells: (B, 3, H, W) -> (B, H / 4, W / 4)."""
    return F.avg_pool2d((predicted - target).pow(2).mean(dim=1, keepdim=True), CELL).squeeze(1)


def negative_psnr(error: Tensor, weight: Tensor) -> Tensor:
    """10 log10 of the weighted mean squared error of images in 0..1, in decibels: minus the PSNR.

    error, weight: (B, h, w). Returns (B,), at least -100.
    """
    mean = (error * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).clamp(min=1e-6)
    return 10.0 * torch.log10(mean + 1e-10)


def window_peak(error: Tensor, weight: Tensor, size: int = 5) -> Tensor:
    """The largest window mean of a map: what is small drowns in a frame's mean.

    error, weight: (B, h, w); size is odd, in cells. Returns (B,).
    """
    means = F.avg_pool2d((error * weight).unsqueeze(1), size, 1, padding=size // 2)
    return means.amax(dim=(1, 2, 3))


def gradient_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the absolute gradients of two images, (B, C, H, W), both axes added."""
    across = (predicted.diff(dim=3).abs() - target.diff(dim=3).abs()).abs().mean()
    down = (predicted.diff(dim=2).abs() - target.diff(dim=2).abs()).abs().mean()
    return across + down
