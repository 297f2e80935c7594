"""A streaming frame predictor with a motion and a background cue beside it: a small network for boards."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vad_edge_training.models.cues import BlockMatching, box_mean, foreground, mean_over_foreground, peak
from vad_edge_training.models.insight import Insight
from vad_edge_training.models.model import CELL, Card, Model, ModelConfig, gradient_loss
from vad_edge_training.models.predictor import FrameEncoder, FramePredictor
from vad_edge_training.models.step import StepModel, StepSpec

TARGETS = 3
"""Frames of a training example that are predicted, one after another."""

MATCHING_SCALE = 2
"""Blocks are matched on frames of half the size."""

GRAY_OF_BGR = (0.114, 0.587, 0.299)


@dataclass(frozen=True)
class StreamingPredictorConfig(ModelConfig):
    """What makes one predictor differ from another; plain values, stored in the checkpoint.

    windows are in map cells and odd. persistence_s is the time constant of the average each window map is
    taken over before its peak. background_rate is how many grey levels a second the background follows the
    scene.
    """

    height: int = 240
    width: int = 360
    channels: int = 32
    history: int = 3
    radius: int = 3
    block: int = 9
    sharpness: float = 2.0
    motion_window: int = 9
    background_window: int = 9
    error_windows: tuple[int, ...] = (5, 9)
    foreground_threshold: float = 15.0
    filled: float = 0.35
    persistence_s: float = 0.3
    background_rate: float = 0.5


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
    initial_previous: Tensor
    initial_background: Tensor
    initial_maps: Tensor
    gray_weights: Tensor
    cell_weights: Tensor

    def __init__(self, config: StreamingPredictorConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = FrameEncoder(config.channels)
        self.predictor = FramePredictor(config.channels, config.history)
        self.matching = BlockMatching(
            config.radius, config.block, config.sharpness, stride=CELL // MATCHING_SCALE
        )
        shapes: dict[str, tuple[int, ...]] = {
            "features": (2 * config.channels * config.history, config.height // 8, config.width // 8),
            "previous": (3, config.height, config.width),
            "background": (3, config.height, config.width),
            "maps": (3, config.height // CELL, config.width // CELL),
        }
        for name, shape in shapes.items():
            self.register_buffer(f"initial_{name}", torch.zeros(shape))
        self.register_buffer("gray_weights", torch.tensor(GRAY_OF_BGR).view(1, 3, 1, 1))
        cell = torch.full((1, 3, CELL, CELL), 1 / (3 * CELL * CELL))
        self.register_buffer("cell_weights", cell, persistent=False)
        self.spec = StepSpec(
            name="predictor",
            height=config.height,
            width=config.width,
            map_height=config.height // CELL,
            map_width=config.width // CELL,
            cues=("prediction", "motion", "background"),
            fps=config.fps,
            warmup_frames=config.history + 2 * round(config.fps * config.persistence_s),
            states=shapes,
        )

    def prepare(self, frames: Tensor, seconds: float) -> None:
        """Take the background from a sample of normal frames, uint8 (N, H, W, 3): their median."""
        median = frames.median(dim=0).values.float().permute(2, 0, 1)
        self.initial_background.copy_(median)
        self.initial_previous.copy_(median)

    @property
    def clip_length(self) -> int:
        """The frames seen and three to predict."""
        return int(self.config.history) + TARGETS

    def insight(self, clip: Tensor) -> Insight:
        """The features of the clips' last frames; there are no prototypes."""
        return Insight(self.encoder(clip[:, -1]))

    def step_module(self) -> StepModel:
        """The predictor is a step graph itself."""
        return self

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Training objective of clips, uint8 (B, T, H, W, 3) with T > history.

        "loss" is the squared error of image and the absolute error of its gradient's size, weighted;
        "mse" the former alone, of images in 0..1.
        """
        count, length = batch.shape[:2]
        image = batch.flatten(0, 1).permute(0, 3, 1, 2).float() / 255.0
        features = self.encoder(image)
        features = features.reshape(count, length, *features.shape[1:])
        image = image.reshape(count, length, *image.shape[1:])
        history = self.config.history
        targets = range(history, length)
        past = torch.cat([features[:, t - history : t].flatten(1, 2) for t in targets])
        last = torch.cat([image[:, t - 1] for t in targets])
        target = torch.cat([image[:, t] for t in targets])
        predicted = self.predictor(past, last)
        squared = F.mse_loss(predicted, target)
        return {"loss": 100 * squared + gradient_loss(predicted, target), "mse": squared}

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Score one frame; see `StepModel.advance`. Maps are in the order of the cues."""
        features, previous, background, maps = state
        pixels = frame.permute(0, 3, 1, 2)
        place = weight.unsqueeze(1)

        predicted = 255.0 * self.predictor(features, previous / 255.0)
        unexpected = self._cell_mean((predicted - pixels).pow(2)) * place
        distance = (pixels - background).abs()
        strangeness = self._cell_mean(distance.pow(2)) * place
        speed = self._foreground_speed(previous, pixels, distance) * place

        windows = torch.cat((unexpected, speed, strangeness), dim=1)
        follow = 1.0 / (1.0 + self.config.fps * self.config.persistence_s)
        maps = maps + follow * (windows - maps)
        score = self._peaks(maps)
        where = self._suspicion(maps).squeeze(1)

        step = self.config.background_rate / self.config.fps
        background = background + (pixels - background).clamp(-step, step)
        encoded = self.encoder(pixels / 255.0)
        features = torch.cat((features[:, encoded.shape[1] :], encoded), dim=1)
        return score, where, (features, pixels, background, maps)

    def _foreground_speed(self, previous: Tensor, pixels: Tensor, distance: Tensor) -> Tensor:
        before, now, apart = (self._gray(image) for image in (previous, pixels, distance))
        share = F.avg_pool2d(foreground(apart, self.config.foreground_threshold, softness=4.0), CELL)
        halved = (F.avg_pool2d(image, MATCHING_SCALE) for image in (before, now))
        speed = MATCHING_SCALE * self.matching(*halved)
        return mean_over_foreground(speed, share, self.config.motion_window, self.config.filled)

    def _gray(self, image: Tensor) -> Tensor:
        return F.conv2d(image, self.gray_weights)

    def _cell_mean(self, image: Tensor) -> Tensor:
        return F.conv2d(image, self.cell_weights, stride=CELL)

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


def _by_cue(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return maps[:, 0:1], maps[:, 1:2], maps[:, 2:3]
