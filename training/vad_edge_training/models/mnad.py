"""Memory-guided frame prediction (Park, Noh, Ham, CVPR 2020): the yardstick beside the other systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.insight import Insight, cosine_shares
from vad_edge_training.models.layers.memory import Memory, compactness, nearest_distance, separateness
from vad_edge_training.models.layers.unet import Decoder, Encoder
from vad_edge_training.models.model import (
    Card,
    ClipModel,
    ModelConfig,
    clip_images,
    negative_psnr,
    squared_error,
    window_peak,
)


@dataclass(frozen=True)
class MnadConfig(ModelConfig):
    """widths are the channels of the encoder's levels, items the memory's size, history the frames seen."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    items: int = 10
    history: int = 4
    compactness_weight: float = 0.1
    separateness_weight: float = 0.1


class Mnad(ClipModel):
    """Predicts the next frame of a clip, helped by a memory of what normal features look like.

    Cues: prediction, minus the PSNR; memory, the mean distance to the nearest item; window, the largest
    window mean of the squared error, which is ours.
    """

    card = Card(
        name="mnad",
        summary="memory-guided frame prediction, the field's yardstick",
        paper="Park, Noh, Ham: Learning Memory-guided Normality for Anomaly Detection, CVPR 2020",
        paper_auc={"ped2": 97.0, "avenue": 88.5, "shanghaitech": 70.5},
        paper_score={"prediction": 0.6, "memory": 0.4},
    )
    config_type = MnadConfig
    defaults: ClassVar[FitConfig] = FitConfig(
        epochs=60, batch_size=4, stride=1, learning_rate=2e-4, weight_decay=0.0
    )
    cues = ("prediction", "memory", "window")

    def __init__(self, config: MnadConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(3 * config.history, config.widths)
        self.memory = Memory(config.items, config.widths[-1])
        self.decoder = Decoder(2 * config.widths[-1], config.widths)

    @property
    def clip_length(self) -> int:
        """The frames seen and the one to predict."""
        return int(self.config.history) + 1

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Eq 11: squared error of the prediction, compactness and separateness of the features."""
        images = 2.0 * clip_images(batch) - 1.0
        predicted, query, _ = self._predict(images[:, :-1])
        first, second = self.memory.nearest(query, 2).unbind(dim=1)
        prediction = F.mse_loss(predicted, images[:, -1])
        compact = compactness(query, first)
        separate = separateness(query, first, second)
        if self.training:
            self.memory.update(query)
        loss = (
            prediction + self.config.compactness_weight * compact + self.config.separateness_weight * separate
        )
        return {"loss": loss, "prediction": prediction, "compactness": compact, "separateness": separate}

    def score_clip(self, clip: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Eqs 12 to 15 without the per-clip normalisation, which is the evaluation's."""
        predicted, _, similarity = self._predict(2.0 * clip[:, :-1] - 1.0)
        error = squared_error(0.5 * predicted + 0.5, clip[:, -1])
        distance = nearest_distance(similarity).mean(dim=(1, 2))
        cues = (negative_psnr(error, weight), distance, window_peak(error, weight))
        return torch.stack(cues, dim=1), error * weight

    def insight(self, clip: Tensor) -> Insight:
        """The queries, and the memory's items as prototypes; the clip's last frame is not looked at."""
        query, _ = self._query(2.0 * clip[:, :-1] - 1.0)
        return Insight(query, cosine_shares(self.memory.read(query)[1]))

    def _query(self, past: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features of unit length, and the skips to the decoder."""
        features, skips = self.encoder(past.flatten(1, 2))
        return F.normalize(features, dim=1), skips

    def _predict(self, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The next image in -1..1, the queries and their similarities to the memory's items."""
        query, skips = self._query(past)
        read, similarity = self.memory.read(query)
        predicted = torch.tanh(self.decoder(torch.cat((query, read), dim=1), skips))
        return predicted, query, similarity
