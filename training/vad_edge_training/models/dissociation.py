"""Spatio-temporal dissociation (Chang et al., Pattern Recognition 2022): appearance and motion apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vad_edge_training.fit.schedule import FitConfig, Phase, Turn
from vad_edge_training.models.insight import Insight
from vad_edge_training.models.layers.kmeans import kmeans_centers
from vad_edge_training.models.layers.residual import DoublingBlock, HalvingBlock, conv
from vad_edge_training.models.layers.soft_assignment import soft_assign, soft_distance, squared_distances
from vad_edge_training.models.layers.variance_attention import VarianceAttention
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


@dataclass(frozen=True)
class DissociationConfig(ModelConfig):
    """widths are the channels at full size and after each of the three halvings; multiples of 4.

    clusters and alpha are those of the soft k-means; history the frames the motion encoder sees.
    """

    multiple: ClassVar[int] = 16

    widths: tuple[int, int, int, int] = (32, 64, 128, 256)
    clusters: int = 32
    alpha: float = 25.0
    history: int = 4
    cluster_weight: float = 0.1


class SpatialEncoder(nn.Module):
    """Features of one frame at an eighth of its size; each stage is normalised before it begins."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, widths[0]), nn.ReLU())
        self.stages = nn.Sequential()
        for inputs, outputs in pairwise(widths):
            self.stages.extend((nn.BatchNorm2d(inputs), HalvingBlock(inputs, outputs)))
        self.neck = nn.Sequential(conv(widths[-1], widths[-1]), nn.ReLU())

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, widths[-1], H / 8, W / 8)."""
        features: Tensor = self.neck(self.stages(self.stem(image)))
        return features


class SpatialDecoder(nn.Module):
    """A frame from its features, without any skip."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        _, small, middle, wide = widths
        self.layers = nn.Sequential(
            DoublingBlock(wide, wide),
            DoublingBlock(wide, middle),
            DoublingBlock(middle, small),
            conv(small, 3),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, widths[-1], H / 8, W / 8) -> (B, 3, H, W)."""
        image: Tensor = self.layers(features)
        return image


class MotionEncoder(nn.Module):
    """Features of a stack of frames, with variance attention after each stage."""

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(inputs, widths[0]), nn.ReLU())
        self.blocks = nn.ModuleList(HalvingBlock(before, after) for before, after in pairwise(widths))
        self.attention = nn.ModuleList(
            VarianceAttention(width, pool) for width, pool in zip(widths[1:], (8, 4, 2), strict=True)
        )
        self.neck = conv(widths[-1], widths[-1])

    def forward(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, inputs, H, W) -> features (B, widths[-1], H / 8, W / 8) and each stage's, largest first."""
        features = self.stem(frames)
        stages = []
        for block, attention in zip(self.blocks, self.attention, strict=True):
            features = attention(block(features))
            stages.append(features)
        return self.neck(features), stages


class MotionDecoder(nn.Module):
    """A frame difference from the motion encoder's features and its stages."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        _, small, middle, wide = widths
        self.first = DoublingBlock(wide, middle)
        self.second = DoublingBlock(2 * middle, small)
        self.third = DoublingBlock(2 * small, small)
        self.head = conv(small, 3)

    def forward(self, features: Tensor, stages: Sequence[Tensor]) -> Tensor:
        """(B, widths[-1], H / 8, W / 8) and the encoder's stages -> (B, 3, H, W)."""
        half, quarter, _ = stages
        doubled = self.second(torch.cat((self.first(features), quarter), dim=1))
        difference: Tensor = self.head(self.third(torch.cat((doubled, half), dim=1)))
        return difference


class Dissociation(ClipModel):
    """Reconstructs a clip's first frame, predicts how its last one differs, and clusters both codes.

    Cues: product, the mean of squared prediction error times cluster distance in decibels; prediction,
    minus the PSNR; cluster, the mean distance to the clusters; window, the largest window mean of the
    squared error, which is ours.
    """

    card = Card(
        name="dissociation",
        summary="appearance and motion auto-encoders apart, joined by clustering",
        paper="Chang et al.: Video anomaly detection with spatio-temporal dissociation, PR 2022",
        paper_auc={"ped2": 96.7, "avenue": 87.1, "shanghaitech": 73.7},
        paper_score={"product": 1.0},
    )
    config_type = DissociationConfig
    defaults: ClassVar[FitConfig] = FitConfig(
        epochs=150, batch_size=4, stride=1, learning_rate=1e-4, weight_decay=0.0
    )
    cues = ("product", "prediction", "cluster", "window")

    def __init__(self, config: DissociationConfig) -> None:
        super().__init__()
        self.config = config
        self.spatial_encoder = SpatialEncoder(config.widths)
        self.spatial_decoder = SpatialDecoder(config.widths)
        self.motion_encoder = MotionEncoder(3 * config.history, config.widths)
        self.motion_decoder = MotionDecoder(config.widths)
        self.centroids = nn.Parameter(torch.randn(config.clusters, 2 * config.widths[-1]))

    @property
    def clip_length(self) -> int:
        """The frames seen and the one to predict."""
        return int(self.config.history) + 1

    def phases(self) -> Sequence[Phase]:
        """The auto-encoders alone for a third of the epochs, then by turns with the clusters."""
        coders = ("spatial_", "motion_")
        necks = ("centroids", "spatial_encoder.neck.", "motion_encoder.neck.")
        return (
            Phase("pretrain", (Turn("coders", coders),), share=1 / 3),
            Phase("alternate", (Turn("joined", coders), Turn("clusters", necks, rate=0.1)), share=2 / 3),
        )

    def begin(self, phase: str, clips: Iterable[Tensor]) -> None:
        """Set the centroids by k-means++ on the codes of training clips when the clusters come in."""
        if phase != "alternate":
            return
        was_training = self.training
        self.eval()
        codes = (self._code_and_images(clip_images(clip))[2] for clip in clips)
        self.centroids.copy_(kmeans_centers(codes, self.config.clusters))
        self.train(was_training)

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Eqs 3 and 6 for the auto-encoders, eq 11 for the clusters, eq 12 for all that is joined."""
        clip = clip_images(batch)
        first, last = clip[:, 0], clip[:, -1]
        image, difference, code = self._code_and_images(clip)
        spatial = F.mse_loss(image, first)
        motion = F.mse_loss(difference, last - first) + gradient_loss(difference, last - first)
        cluster = self._distance(code).mean()
        parts = {"spatial": spatial, "motion": motion, "cluster": cluster}
        losses = {
            "coders": spatial + motion,
            "joined": spatial + motion + self.config.cluster_weight * cluster,
            "clusters": cluster,
        }
        return {"loss": losses[turn], **parts}

    def score_clip(self, clip: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Eq 13 at every place: squared error of first frame plus difference, times the cluster distance."""
        image, difference, code = self._code_and_images(clip)
        error = squared_error(image + difference, clip[:, -1])
        distance = self._distance(code)
        apart = F.interpolate(distance.unsqueeze(1), scale_factor=2.0, mode="nearest").squeeze(1)
        product = error * apart
        cues = (
            negative_psnr(product, weight),
            negative_psnr(error, weight),
            distance.mean(dim=(1, 2)),
            window_peak(error, weight),
        )
        return torch.stack(cues, dim=1), product * weight

    def insight(self, clip: Tensor) -> Insight:
        """The joined code, and its centroids as prototypes."""
        _, _, code = self._code_and_images(clip)
        return Insight(code, soft_assign(squared_distances(code, self.centroids), self.config.alpha))

    def _code_and_images(self, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The first frame again, the change from it to the last one, and the joined code."""
        spatial = F.normalize(self.spatial_encoder(clip[:, 0]), dim=1)
        motion, stages = self.motion_encoder(clip[:, :-1].flatten(1, 2))
        motion = F.normalize(motion, dim=1)
        image = self.spatial_decoder(spatial)
        difference = self.motion_decoder(motion, stages)
        return image, difference, F.normalize(torch.cat((spatial, motion), dim=1), dim=1)

    def _distance(self, code: Tensor) -> Tensor:
        """Eq 10: (B, C, h, w) -> (B, h, w)."""
        return soft_distance(squared_distances(code, self.centroids), self.config.alpha)
