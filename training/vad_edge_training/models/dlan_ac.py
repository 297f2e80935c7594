"""DLAN-AC (ECCV 2022): prototypes made for each clip, as many as a self-organising map finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vad_edge_training.fit.schedule import FitConfig, Phase, Turn
from vad_edge_training.models.insight import Insight, cosine_shares
from vad_edge_training.models.layers.memory import separateness
from vad_edge_training.models.layers.unet import Decoder, Encoder
from vad_edge_training.models.layers.vlad import LocalAggregation
from vad_edge_training.models.model import (
    Card,
    ClipModel,
    ModelConfig,
    clip_images,
    gradient_loss,
    negative_psnr,
    squared_error,
    window_peak,
)

FEATURE_MAPS = 64
"""Feature maps the clusterer looks at."""


@dataclass(frozen=True)
class DlanAcConfig(ModelConfig):
    """widths are the channels of the encoder's levels.

    side is that of the self-organising map, whose side^2 neurons are all clusters there may be; updates are
    its steps for each feature map. alpha is how sharply features belong to the clusters at first.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    side: int = 5
    updates: int = 5000
    alpha: float = 10.0
    history: int = 4
    compactness_weight: float = 0.01
    separateness_weight: float = 0.01


class DlanAc(ClipModel):
    """Predicts the next frame from features and what each place reads from the clip's own prototypes.

    Cues: prediction, minus the PSNR; window, the largest window mean of the squared error, which is ours.
    """

    real: Tensor

    card = Card(
        name="dlan_ac",
        summary="frame prediction with prototypes made for each clip",
        paper="Yang, Wu, Liu: Dynamic local aggregation network with adaptive clusterer, ECCV 2022",
        paper_auc={"ped2": 97.6, "avenue": 89.9, "shanghaitech": 74.7},
        paper_score={"prediction": 1.0},
    )
    config_type = DlanAcConfig
    defaults: ClassVar[FitConfig] = FitConfig(
        epochs=90, batch_size=8, stride=1, learning_rate=2e-4, weight_decay=0.0
    )
    cues = ("prediction", "window")

    def __init__(self, config: DlanAcConfig) -> None:
        super().__init__()
        self.config = config
        channels, clusters = config.widths[-1], config.side**2
        self.encoder = Encoder(3 * config.history, config.widths)
        self.aggregation = LocalAggregation(channels, clusters)
        self.project = nn.Linear(channels, channels)
        self.decoder = Decoder(2 * channels, config.widths)
        self.register_buffer("real", torch.ones(clusters))

    @property
    def clip_length(self) -> int:
        """The frames seen and the one to predict."""
        return int(self.config.history) + 1

    @property
    def clusters(self) -> int:
        """How many clusters are real; the others are the redundant ones that are dropped."""
        return int(self.real.sum())

    def phases(self) -> Sequence[Phase]:
        """The auto-encoder alone for a ninth of the epochs, then all of it."""
        coder = Turn("reconstruct", ("encoder.", "decoder."))
        return (Phase("reconstruct", (coder,), share=1 / 9), Phase("aggregate", (Turn("all"),), share=8 / 9))

    def begin(self, phase: str, clips: Iterable[Tensor]) -> None:
        """Find the clusters of the auto-encoder's features when the aggregation comes in."""
        if phase != "aggregate":
            return
        from vad_edge_training.models.layers.self_organizing_map import find_clusters

        was_training = self.training
        self.eval()
        maps = list(islice(self._feature_maps(clips), FEATURE_MAPS))
        self.train(was_training)
        neurons, count = find_clusters(maps, self.config.side, self.config.updates)
        self.aggregation.start_from(torch.from_numpy(neurons).to(self.real), self.config.alpha)
        self.real.copy_((torch.arange(len(self.real)) < count).to(self.real))

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Eqs 9 and 10 for the auto-encoder, eq 15 for all."""
        images = 2.0 * clip_images(batch) - 1.0
        past, target = images[:, :-1], images[:, -1]
        features, skips = self._encode(past)
        if turn == "reconstruct":
            predicted = self._decode(features, torch.zeros_like(features), skips)
            prediction, gradient = F.mse_loss(predicted, target), gradient_loss(predicted, target)
            return {"loss": prediction + gradient, "prediction": prediction, "gradient": gradient}
        prototypes = self._prototypes(features)
        predicted = self._decode(features, self._read(prototypes, features), skips)
        prediction, gradient = F.mse_loss(predicted, target), gradient_loss(predicted, target)
        first, second = self._nearest(prototypes, features)
        compact = (features - first).pow(2).sum(dim=1).add(1e-8).sqrt().mean()
        separate = separateness(features, first, second)
        loss = (
            prediction
            + gradient
            + self.config.compactness_weight * compact
            + self.config.separateness_weight * separate
        )
        parts = {"prediction": prediction, "gradient": gradient}
        return {"loss": loss, **parts, "compactness": compact, "separateness": separate}

    def score_clip(self, clip: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Eqs 16 and 17 without the per-clip normalisation, which is the evaluation's."""
        features, skips = self._encode(2.0 * clip[:, :-1] - 1.0)
        predicted = self._decode(features, self._read(self._prototypes(features), features), skips)
        error = squared_error(0.5 * predicted + 0.5, clip[:, -1])
        score = torch.stack((negative_psnr(error, weight), window_peak(error, weight)), dim=1)
        return score, error * weight

    def insight(self, clip: Tensor) -> Insight:
        """The features, and the clip's own prototypes; those of a cluster are alike from clip to clip.

        The clip's last frame is not looked at, and nothing belongs to a redundant cluster.
        """
        features, _ = self._encode(2.0 * clip[:, :-1] - 1.0)
        cosines = self._similarity(self._prototypes(features), features)
        return Insight(features, cosine_shares(cosines.unflatten(2, features.shape[2:])))  # type: ignore[no-untyped-call]

    def _encode(self, past: Tensor) -> tuple[Tensor, list[Tensor]]:
        features, skips = self.encoder(past.flatten(1, 2))
        return F.normalize(features, dim=1), skips

    def _decode(self, features: Tensor, read: Tensor, skips: Sequence[Tensor]) -> Tensor:
        return torch.tanh(self.decoder(torch.cat((features, read), dim=1), skips))

    def _prototypes(self, features: Tensor) -> Tensor:
        """The clip's own prototypes of unit length, the redundant ones too: (B, L, C)."""
        return F.normalize(self.project(F.normalize(self.aggregation(features), dim=2)), dim=2)

    def _similarity(self, prototypes: Tensor, features: Tensor) -> Tensor:
        """Cosine of each real prototype at each place, far below -1 for the redundant: (B, L, h * w)."""
        return torch.bmm(prototypes, features.flatten(2)) - 1e4 * (1.0 - self.real).view(1, -1, 1)

    def _read(self, prototypes: Tensor, features: Tensor) -> Tensor:
        """Eqs 7 and 8: what each place reads from the prototypes, (B, C, h, w)."""
        share = torch.softmax(self._similarity(prototypes, features), dim=1)
        return torch.bmm(prototypes.transpose(1, 2), share).reshape(features.shape)

    def _nearest(self, prototypes: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Eqs 12 and 14: each place's nearest and second nearest prototype, (B, C, h, w) each.

        With one real cluster the second nearest is a redundant one.
        """
        places = self._similarity(prototypes, features).topk(2, dim=1).indices.unbind(dim=1)
        index = (place.unsqueeze(2).expand(-1, -1, prototypes.shape[2]) for place in places)
        first, second = (
            prototypes.gather(1, place).transpose(1, 2).reshape(features.shape) for place in index
        )
        return first, second

    def _feature_maps(self, clips: Iterable[Tensor]) -> Iterator[NDArray[np.float64]]:
        """The features of one clip after another, (h * w, C)."""
        for batch in clips:
            features, _ = self._encode(2.0 * clip_images(batch)[:, :-1] - 1.0)
            yield from features.flatten(2).transpose(1, 2).double().cpu().numpy()
