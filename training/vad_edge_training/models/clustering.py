"""Video anomaly detection guided by clustering learning (Qiu et al. 2024): attention times convolution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vad_edge.errors import ConfigError
from vad_edge_training.fit.schedule import FitConfig, Phase, Turn
from vad_edge_training.models.insight import Insight
from vad_edge_training.models.layers.inception import Inception3d
from vad_edge_training.models.layers.kmeans import kmeans_centers
from vad_edge_training.models.layers.soft_assignment import soft_assign, soft_distance, squared_distances
from vad_edge_training.models.layers.window_attention import ShiftedWindowBlock
from vad_edge_training.models.model import (
    Card,
    ClipModel,
    ModelConfig,
    clip_images,
    negative_psnr,
    squared_error,
    window_peak,
)

SEEN = 4
"""Frames that go in."""


@dataclass(frozen=True)
class ClusteringConfig(ModelConfig):
    """channels are those of the first stage, a multiple of 12; the second has twice as many.

    depths and heads are those of the two stages. side is that of the attention's windows in places of 4 x 4
    pixels; it must divide the features of both stages. clusters and alpha belong to the feature centroids,
    maps and gamma to the spatial ones. Raises ConfigError for a size that windows do not divide.
    """

    height: int = 224
    width: int = 224
    mode: Literal["prediction", "reconstruction"] = "prediction"
    channels: int = 96
    depths: tuple[int, int] = (3, 6)
    heads: tuple[int, int] = (6, 12)
    side: int = 7
    clusters: int = 1024
    alpha: float = 16.0
    maps: int = 128
    gamma: float = 32.0
    cluster_weight: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.height % (8 * self.side) or self.width % (8 * self.side):
            raise ConfigError(
                f"{self.height}x{self.width}: windows of {self.side} do not divide it",
                where="size",
                fix=f"give multiples of {8 * self.side}, or another side: 8 for 256x256, 7 for 224x224",
            )
        if self.channels % 12 or any(
            width % heads for width, heads in zip((self.channels, 2 * self.channels), self.heads, strict=True)
        ):
            raise ConfigError(
                f"{self.channels} channels for {self.heads} heads",
                where="channels",
                fix="give a multiple of 12 that the heads divide",
            )


class IstStage(nn.Module):
    """Window attention beside an inception block, joined as in eq 1: C A + A + X."""

    def __init__(self, channels: int, depth: int, heads: int, size: tuple[int, int, int], side: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            *(
                ShiftedWindowBlock(channels, heads, size, side, shifted=block % 2 == 1)
                for block in range(depth)
            )
        )
        self.convolution = Inception3d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, T, H, W), same shape back."""
        attended = self.attention(features.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)
        fused: Tensor = self.convolution(features) * attended + attended + features
        return fused


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (B, C, T, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Same shape back."""
        normed: Tensor = self.norm(features.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)
        return normed


class SpatialCentroids(nn.Module):
    """Each channel's typical maps: centroids in the space of whole feature maps, for the loss alone."""

    def __init__(self, channels: int, maps: int, places: int) -> None:
        super().__init__()
        self.centroids = nn.Parameter(0.1 * torch.randn(channels, maps, places))

    def forward(self, features: Tensor, gamma: float) -> Tensor:
        """Mean of eq 4 over clips, frames and channels, for each place: features (B, C, T, h, w)."""
        vectors = features.flatten(3).permute(1, 0, 2, 3).flatten(1, 2)
        length = vectors.pow(2).sum(dim=2, keepdim=True)
        norms = self.centroids.pow(2).sum(dim=2).unsqueeze(1)
        product = torch.bmm(vectors, self.centroids.transpose(1, 2))
        squared = (length - 2.0 * product + norms).clamp(min=0.0)
        share = torch.softmax(-gamma * (squared + 1e-8).sqrt(), dim=2)
        return (share * squared).sum(dim=2).mean() / vectors.shape[2]


class Clustering(ClipModel):
    """Reconstructs a clip or predicts its next frame from features read out of learned centroids.

    Cues: error, minus the PSNR of the frame or of the whole clip; window, the largest
    window mean of the squared error, which is ours. A reconstruction's score belongs to its first frame.
    """

    card = Card(
        name="clustering",
        summary="shifted-window attention times 3-D convolution, features read from centroids",
        paper="Qiu et al.: Video anomaly detection guided by clustering learning, Pattern Recognition 2024",
        paper_auc={"ped2": 92.2, "avenue": 86.2, "shanghaitech": 73.76},
        paper_score={"error": 1.0},
    )
    config_type = ClusteringConfig
    defaults: ClassVar[FitConfig] = FitConfig(
        epochs=60, batch_size=20, stride=1, learning_rate=4e-4, weight_decay=0.02
    )
    cues = ("error", "window")

    def __init__(self, config: ClusteringConfig) -> None:
        super().__init__()
        self.config = config
        narrow, wide = config.channels, 2 * config.channels
        high, low = ((config.height // fold, config.width // fold) for fold in (4, 8))
        (shallow, deep), (few, many) = config.depths, config.heads
        seen, side = SEEN // 2, config.side
        made = 1 if config.mode == "prediction" else SEEN
        self.encoder = nn.Sequential(
            nn.Conv3d(3, narrow, (2, 4, 4), stride=(2, 4, 4)),
            IstStage(narrow, shallow, few, (seen, *high), side),
            nn.Conv3d(narrow, wide, (1, 2, 2), stride=(1, 2, 2)),
            nn.GELU(),
            IstStage(wide, deep, many, (seen, *low), side),
            ChannelNorm(wide),
        )
        in_time = nn.Conv3d if config.mode == "prediction" else nn.ConvTranspose3d
        self.decoder = nn.Sequential(
            ChannelNorm(wide),
            in_time(wide, wide, (2, 1, 1), stride=(2, 1, 1)),
            IstStage(wide, deep, many, (made, *low), side),
            nn.ConvTranspose3d(wide, narrow, (1, 2, 2), stride=(1, 2, 2)),
            nn.GELU(),
            IstStage(narrow, shallow, few, (made, *high), side),
            ChannelNorm(narrow),
            nn.ConvTranspose3d(narrow, wide, (3, 2, 2), stride=(1, 2, 2), padding=(1, 0, 0)),
            nn.GELU(),
            nn.Conv3d(wide, narrow, 3, padding=1),
            nn.GELU(),
            nn.ConvTranspose3d(narrow, 3, (3, 2, 2), stride=(1, 2, 2), padding=(1, 0, 0)),
        )
        self.centroids = nn.Parameter(torch.randn(config.clusters, wide))
        self.spatial = SpatialCentroids(wide, config.maps, low[0] * low[1])

    @property
    def clip_length(self) -> int:
        """The frames seen, and the one to predict in that mode."""
        return SEEN + 1 if self.config.mode == "prediction" else SEEN

    @property
    def delay_frames(self) -> int:
        """A reconstruction's score belongs to the clip's first frame."""
        return 0 if self.config.mode == "prediction" else SEEN - 1

    def phases(self) -> Sequence[Phase]:
        """Auto-encoder and centroids beside each other for a sixth of the epochs, then joined."""
        return (
            Phase("apart", (Turn("apart"),), share=1 / 6),
            Phase("joined", (Turn("joined"),), share=5 / 6),
        )

    def begin(self, phase: str, clips: Iterable[Tensor]) -> None:
        """Put the feature centroids where the features are, before the decoder has to live on them."""
        if phase != "joined":
            return
        was_training = self.training
        self.eval()
        seen = (self.encoder(clip_images(clip)[:, :SEEN].transpose(1, 2)).flatten(3) for clip in clips)
        self.centroids.copy_(kmeans_centers(seen, self.config.clusters))
        self.train(was_training)

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Eq 9; "apart" cuts the gradient from the clusters to the encoder and decodes plain features."""
        clip = clip_images(batch)
        features = self.encoder(clip[:, :SEEN].transpose(1, 2))
        if turn == "apart":
            clustered, read = self._cluster(features.detach())
            made = self.decoder(features)
        else:
            clustered, read = self._cluster(features)
            made = self.decoder(read)
        spatial = self.spatial(read, self.config.gamma)
        error = F.mse_loss(made.transpose(1, 2), self._target(clip))
        loss = error + self.config.cluster_weight * (clustered + spatial)
        return {"loss": loss, "error": error, "feature_clusters": clustered, "spatial_clusters": spatial}

    def score_clip(self, clip: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Eqs 10 and 11 without the per-clip normalisation, which is the evaluation's."""
        _, read = self._cluster(self.encoder(clip[:, :SEEN].transpose(1, 2)))
        made = self.decoder(read).transpose(1, 2)
        target = self._target(clip)
        errors = [squared_error(made[:, frame], target[:, frame]) for frame in range(target.shape[1])]
        error = torch.stack(errors).mean(dim=0)
        score = torch.stack((negative_psnr(error, weight), window_peak(error, weight)), dim=1)
        return score, error * weight

    def insight(self, clip: Tensor) -> Insight:
        """The encoder's features and the feature centroids as prototypes, both as means over time."""
        features = self.encoder(clip[:, :SEEN].transpose(1, 2))
        moments = [
            soft_assign(squared_distances(moment, self.centroids), self.config.alpha)
            for moment in features.unbind(dim=2)
        ]
        return Insight(features.mean(dim=2), torch.stack(moments).mean(dim=0))

    def _target(self, clip: Tensor) -> Tensor:
        return clip[:, SEEN:] if self.config.mode == "prediction" else clip

    def _cluster(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Eq 2's mean over all places, for each channel, and eq 3's features, (B, C, T, h, w)."""
        _, channels, _, height, width = features.shape
        flat = features.transpose(1, 2).reshape(-1, channels, height, width)
        squared = squared_distances(flat, self.centroids)
        distance = soft_distance(squared, self.config.alpha).mean() / channels
        share = soft_assign(squared, self.config.alpha)
        read = F.conv2d(share, self.centroids.T[:, :, None, None])
        return distance, read.reshape(-1, SEEN // 2, channels, height, width).transpose(1, 2)
