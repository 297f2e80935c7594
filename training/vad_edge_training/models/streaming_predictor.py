"""A streaming frame predictor with a motion and a background cue beside it: a small network for boards."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vad_edge.errors import ConfigError
from vad_edge_training.models.cues import box_mean, foreground, mean_over_foreground, peak
from vad_edge_training.models.flow import GRAY_OF_BGR, HALF, GradientFlow, speed_of
from vad_edge_training.models.insight import Insight
from vad_edge_training.models.model import CELL, Card, Model, ModelConfig, gradient_loss
from vad_edge_training.models.predictor import (
    BLOCK,
    FOLD,
    GREY_LEVELS,
    FrameEncoder,
    FramePredictor,
    PatchFold,
)
from vad_edge_training.models.step import StepModel, StepSpec

TARGETS = 3
"""Frames of a training example that are predicted, one after another."""


@dataclass(frozen=True)
class StreamingPredictorConfig(ModelConfig):
    """What makes one predictor differ from another; plain values, stored in the checkpoint.

    windows are in map cells and odd. persistence_s is the time constant of the average each window map is
    taken over before its peak. background_rate is how many grey levels a second the background follows the
    scene.
    """

    height: int = 240
    width: int = 360
    channels: int = 40
    history: int = 3
    flow_window: int = 9
    motion_window: int = 9
    background_window: int = 9
    error_windows: tuple[int, ...] = (5, 9)
    foreground_threshold: float = 7.0
    filled: float = 0.35
    persistence_s: float = 0.3
    background_rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.history < 2:
            raise ConfigError(
                f"{self.history} is no history to predict from", where="history", fix="give 2 frames or more"
            )


class StreamingPredictor(Model, StepModel):
    """Streaming video anomaly model with three cues.

    prediction: squared error of the predicted frame, in squared grey levels. motion: speed of the
    foreground, in pixels a frame. background: squared distance to a slowly adapting background, in squared
    grey levels. Each is averaged over windows and a short time, and the frame's score is its largest window:
    small anomalies drown in a frame's mean.
    """

    card = Card(
        name="predictor", summary="small streaming predictor with a motion and a background cue, for boards"
    )
    config_type = StreamingPredictorConfig
    follows_footage = True

    initial_features: Tensor
    initial_blocks: Tensor
    initial_background: Tensor
    initial_maps: Tensor
    gray_weights: Tensor
    cell_weights: Tensor

    def __init__(self, config: StreamingPredictorConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = FrameEncoder(config.channels)
        self.predictor = FramePredictor(config.channels, config.history)
        self.fold = PatchFold()
        self.flow = GradientFlow(config.flow_window, CELL // HALF, damping=4.0, fastest=16.0 / HALF)
        rows, columns = config.height // CELL, config.width // CELL
        shapes: dict[str, tuple[int, ...]] = {
            "features": (2 * config.channels * (config.history - 1), config.height // 8, config.width // 8),
            "blocks": (BLOCK, rows, columns),
            "background": (3, rows, columns),
            "maps": (3, rows, columns),
        }
        for name, shape in shapes.items():
            self.register_buffer(f"initial_{name}", torch.zeros(shape))
        self.register_buffer("gray_weights", _half_gray_weights(), persistent=False)
        self.register_buffer("cell_weights", _cell_weights(), persistent=False)
        self.spec = StepSpec(
            name="predictor",
            height=config.height,
            width=config.width,
            map_height=rows,
            map_width=columns,
            cues=("prediction", "motion", "background"),
            fps=config.fps,
            warmup_frames=config.history + 2 * round(config.fps * config.persistence_s),
            states=shapes,
        )

    def prepare(self, frames: Tensor, seconds: float) -> None:
        """Take the background from a sample of normal frames, uint8 (N, H, W, 3): their median."""
        median = frames.median(dim=0).values.float().permute(2, 0, 1)
        blocks = self.fold(median.unsqueeze(0))
        self.initial_blocks.copy_(blocks[0])
        self.initial_background.copy_(self._cells(blocks)[0])

    @property
    def clip_length(self) -> int:
        """The frames seen and three to predict."""
        return int(self.config.history) + TARGETS

    def insight(self, clip: Tensor) -> Insight:
        """The features of the clips' last frames; there are no prototypes."""
        return Insight(self.encoder(self.fold(255.0 * clip[:, -1])))

    def step_module(self) -> StepModel:
        """The predictor is a step graph itself."""
        return self

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Training objective of clips, uint8 (B, T, H, W, 3) with T > history.

        "loss" is the squared error of image and the absolute error of its gradient's size, weighted;
        "mse" the former alone, of images in 0..1.
        """
        count, length = batch.shape[:2]
        pixels = batch.flatten(0, 1).permute(0, 3, 1, 2).float()
        blocks = self.fold(pixels)
        features = self.encoder(blocks)
        features = features.reshape(count, length, *features.shape[1:])
        blocks = blocks.reshape(count, length, *blocks.shape[1:])
        image = (pixels / GREY_LEVELS).reshape(count, length, *pixels.shape[1:])
        history = self.config.history
        targets = range(history, length)
        past = torch.cat([features[:, t - history : t].flatten(1, 2) for t in targets])
        last = torch.cat([blocks[:, t - 1] for t in targets])
        target = torch.cat([image[:, t] for t in targets])
        predicted = F.pixel_shuffle(self.predictor(past, last), FOLD)
        squared = F.mse_loss(predicted, target)
        return {"loss": 100 * squared + gradient_loss(predicted, target), "mse": squared}

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Score one frame; see `StepModel.advance`. Maps are in the order of the cues."""
        features, last, background, maps = state
        place = weight.unsqueeze(1)
        blocks = self.fold(frame.permute(0, 3, 1, 2))

        past = torch.cat((features, self.encoder(last)), dim=1)
        wrong = self.predictor(past, last) - blocks
        unexpected = _mean_square(wrong) * place
        cells = self._cells(blocks)
        apart = cells - background
        strangeness = apart.pow(2).mean(dim=1, keepdim=True) * place
        speed = self._foreground_speed(last, blocks, apart) * place

        windows = torch.cat((unexpected, speed, strangeness), dim=1)
        follow = 1.0 / (1.0 + self.config.fps * self.config.persistence_s)
        maps = maps + follow * (windows - maps)
        score = self._peaks(maps)
        where = self._suspicion(maps).squeeze(1)

        step = self.config.background_rate / self.config.fps
        background = background + apart.clamp(-step, step)
        return score, where, (past[:, 2 * self.config.channels :], blocks, background, maps)

    def _foreground_speed(self, before: Tensor, now: Tensor, apart: Tensor) -> Tensor:
        share = foreground(apart, self.config.foreground_threshold)
        speed = speed_of(HALF * self.flow(self.half_gray(before), self.half_gray(now)))
        return mean_over_foreground(speed, share, self.config.motion_window, self.config.filled)

    def half_gray(self, blocks: Tensor) -> Tensor:
        """Grey levels in 0..255 of frames of half the size, (B, 1, H / 2, W / 2), from folded ones."""
        return F.pixel_shuffle(F.conv2d(blocks, self.gray_weights), FOLD // HALF)

    def _cells(self, blocks: Tensor) -> Tensor:
        return F.conv2d(blocks, self.cell_weights)

    def _suspicion(self, maps: Tensor) -> Tensor:
        # Grey levels of prediction error, times one plus the speed: points at the anomaly more often than
        # either alone (docs/results.md), and still sees what does not move.
        unexpected, speed, _ = _by_cue(maps)
        return box_mean(unexpected, min(self.config.error_windows)).add(1e-6).sqrt() * (1.0 + speed)

    def _peaks(self, maps: Tensor) -> Tensor:
        unexpected, speed, strangeness = _by_cue(maps)
        by_window = [peak(box_mean(unexpected, size)) for size in self.config.error_windows]
        prediction = torch.stack(by_window).mean(dim=0)
        background = peak(box_mean(strangeness, self.config.background_window))
        return torch.stack((prediction, peak(speed), background), dim=1)


def _half_gray_weights() -> Tensor:
    """Weights that give blocks' grey levels, averaged over squares of two pixels: (4, 48, 1, 1)."""
    side = FOLD // HALF
    gray = GREY_LEVELS * torch.tensor(GRAY_OF_BGR).view(3, 1, 1, 1, 1) / HALF**2
    squares = torch.eye(side * side).view(side * side, 1, side, 1, side, 1)
    return (squares * gray.view(1, 3, 1, 1, 1, 1).expand(1, 3, 1, HALF, 1, HALF)).reshape(-1, BLOCK, 1, 1)


def _cell_weights() -> Tensor:
    """Weights that give blocks' mean colours in 0..255: (3, 48, 1, 1)."""
    return GREY_LEVELS * torch.eye(3).repeat_interleave(FOLD * FOLD, dim=1).view(3, BLOCK, 1, 1) / FOLD**2


def _mean_square(blocks: Tensor) -> Tensor:
    # In squared grey levels; by the norm, which is one pass over the channels.
    norm: Tensor = torch.linalg.vector_norm(blocks, dim=1, keepdim=True)
    return norm.pow(2) * (GREY_LEVELS**2 / BLOCK)


def _by_cue(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return maps[:, 0:1], maps[:, 1:2], maps[:, 2:3]
