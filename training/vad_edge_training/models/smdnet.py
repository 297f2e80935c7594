"""SMDNet (2024): ConvLSTM, memory and a dynamic margin between normal and labelled abnormal clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.insight import Insight, cosine_shares
from vad_edge_training.models.layers.conv_lstm import ConvLstmCell
from vad_edge_training.models.layers.memory import Memory, separateness
from vad_edge_training.models.layers.unet import Decoder, Encoder
from vad_edge_training.models.model import (
    CELL,
    Card,
    Model,
    ModelConfig,
    clip_images,
    negative_psnr,
    squared_error,
    window_peak,
)
from vad_edge_training.models.step import StepModel, StepSpec


@dataclass(frozen=True)
class SmdnetConfig(ModelConfig):
    """widths are the channels of the encoder's levels, the last also the ConvLSTM's; items the memory's size.

    abnormal_updates_memory lets abnormal clips write the memory, which the paper leaves open.
    """

    height: int = 224
    width: int = 224
    widths: tuple[int, ...] = (64, 128, 256, 256)
    items: int = 10
    history: int = 4
    margin_weight: float = 1.0
    separateness_weight: float = 1.0
    abnormal_updates_memory: bool = False


class Smdnet(Model):
    """Predicts the next frame from a ConvLSTM's features; labelled abnormal clips push features apart.

    Cues: prediction, minus the PSNR; window, the largest window mean of the squared error, which is ours.
    """

    card = Card(
        name="smdnet",
        summary="ConvLSTM and memory with a dynamic margin; trained with labelled anomalies",
        paper="Spatio-temporal memory guided dynamic balanced edge learning (SMDNet), 2024",
        paper_auc={"avenue": 95.9, "shanghaitech": 78.2},
        paper_score={"prediction": 1.0},
        one_class=False,
    )
    config_type = SmdnetConfig
    defaults: ClassVar[FitConfig] = FitConfig(
        epochs=60, batch_size=4, stride=1, learning_rate=2e-4, weight_decay=0.0
    )

    def __init__(self, config: SmdnetConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.widths[-1]
        self.encoder = Encoder(3, config.widths)
        self.lstm = ConvLstmCell(channels, channels)
        self.memory = Memory(config.items, channels)
        self.decoder = Decoder(2 * channels, config.widths, with_skips=False)

    @property
    def clip_length(self) -> int:
        """The frames seen and the one to predict."""
        return int(self.config.history) + 1

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Eq 20 for triplets (B, 3, T, H, W, 3); prediction alone for normal clips (B, T, H, W, 3)."""
        if batch.dim() == 5:
            return self._prediction_loss(batch)
        anchor, positive, negative = batch.unbind(dim=1)
        normal = clip_images(torch.cat((anchor, positive)))
        abnormal = clip_images(negative)
        predicted, query, joined = self._of_images(normal[:, :-1])
        predicted_abnormal, abnormal_query, abnormal_joined = self._of_images(abnormal[:, :-1])
        prediction = F.mse_loss(predicted, normal[:, -1]) + F.mse_loss(predicted_abnormal, abnormal[:, -1])
        features, positive_features = _pooled(joined).chunk(2)
        margin = margin_loss(features, positive_features, _pooled(abnormal_joined))
        first, second = self.memory.nearest(query, 2).unbind(dim=1)
        separate = separateness(query, first, second)
        if self.training:
            update = torch.cat((query, abnormal_query)) if self.config.abnormal_updates_memory else query
            self.memory.update(update)
        loss = prediction + self.config.margin_weight * margin + self.config.separateness_weight * separate
        return {"loss": loss, "prediction": prediction, "margin": margin, "separateness": separate}

    def encode(self, images: Tensor) -> Tensor:
        """Features of frames (N, 3, H, W) in 0..1, each on its own: (N, C, h, w)."""
        features, _ = self.encoder(2.0 * images - 1.0)
        encoded: Tensor = features
        return encoded

    def predict(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The next frame from the features of those before, (B, T, C, h, w).

        Returns the image (B, 3, H, W) in 0..1, the queries (B, C, h, w) of unit length, and queries and read
        items together (B, 2 C, h, w).
        """
        query = F.normalize(self.lstm.over(features), dim=1)
        read, _ = self.memory.read(query)
        joined = torch.cat((query, read), dim=1)
        return 0.5 * torch.tanh(self.decoder(joined)) + 0.5, query, joined

    def insight(self, clip: Tensor) -> Insight:
        """The queries, and the memory's items as prototypes; the clip's last frame is not looked at."""
        _, query, _ = self._of_images(clip[:, :-1])
        return Insight(query, cosine_shares(self.memory.read(query)[1]))

    def step_module(self) -> StepModel:
        """The model with the past frames' features as state."""
        return SmdnetStep(self)

    def _of_images(self, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.encode(past.flatten(0, 1))
        return self.predict(features.unflatten(0, past.shape[:2]))  # type: ignore[no-untyped-call]

    def _prediction_loss(self, batch: Tensor) -> dict[str, Tensor]:
        images = clip_images(batch)
        prediction = F.mse_loss(self._of_images(images[:, :-1])[0], images[:, -1])
        return {"loss": prediction, "prediction": prediction}


class SmdnetStep(StepModel):
    """SMDNet one frame at a time: each frame is encoded once, and the past features are the state."""

    initial_features: Tensor

    def __init__(self, model: Smdnet) -> None:
        super().__init__()
        self.model = model
        config = model.config
        fold = 2 ** (len(config.widths) - 1)
        shape = (config.history * config.widths[-1], config.height // fold, config.width // fold)
        self.spec = StepSpec(
            name=model.card.name,
            height=config.height,
            width=config.width,
            map_height=config.height // CELL,
            map_width=config.width // CELL,
            cues=("prediction", "window"),
            fps=config.fps,
            warmup_frames=config.history,
            states={"features": shape},
        )
        device = next(model.parameters()).device
        self.register_buffer("initial_features", torch.zeros(shape, device=device))

    def advance(
        self, frame: Tensor, weight: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Score one frame; see `StepModel.advance`."""
        (features,) = state
        image = frame.permute(0, 3, 1, 2) / 255.0
        history, channels = self.model.config.history, self.model.config.widths[-1]
        predicted, _, _ = self.model.predict(features.reshape(-1, history, channels, *features.shape[2:]))
        error = squared_error(predicted, image)
        score = torch.stack((negative_psnr(error, weight), window_peak(error, weight)), dim=1)
        newest = self.model.encode(image)
        return score, error * weight, (torch.cat((features[:, channels:], newest), dim=1),)


def margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Eqs 17 to 19: a triplet loss whose margin follows the distances, between 1 and 1.5.

    anchor, positive, negative: features (B, C) of unit length. No gradient goes through the margin.
    """
    near, far = _distance(anchor, positive), _distance(anchor, negative)
    margin = (far - near).detach().clamp(1.0, 1.5)
    return torch.relu(near.pow(2) - far.pow(2) + margin).mean()


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).pow(2).sum(dim=1).add(1e-8).sqrt()


def _pooled(features: Tensor) -> Tensor:
    return F.normalize(features.mean(dim=(2, 3)), dim=1)
