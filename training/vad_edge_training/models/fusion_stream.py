"""Pedestrian spatio-temporal information fusion (arXiv 2211.10052): frames and differences, two streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.insight import Insight, cosine_shares
from vad_edge_training.models.layers.channel_attention import ResidualChannelAttention
from vad_edge_training.models.layers.memory import Memory, nearest_distance
from vad_edge_training.models.layers.temporal_shift import ResidualTemporalShift
from vad_edge_training.models.layers.unet import conv_norm_relu
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
class FusionStreamConfig(ModelConfig):
    """widths are the channels of the encoder's levels, items the size of every memory.

    history is how many frames, and how many differences, each stream sees.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    items: int = 20
    history: int = 4
    separation_weight: float = 0.1


class ShiftEncoder(nn.Module):
    """Features of a clip's frames at each scale, frames beside each other in the batch."""

    def __init__(self, widths: Sequence[int], length: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(), ResidualTemporalShift(after, length)
            )
            for before, after in pairwise((3, *widths))
        )
        self.halve = nn.MaxPool2d(2)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """(B * T, 3, H, W) -> (B * T, widths[i], H / 2^i, W / 2^i) of each level, largest first."""
        levels: list[Tensor] = []
        features = frames
        for level in self.levels:
            features = level(self.halve(levels[-1]) if levels else features)
            levels.append(features)
        return levels


class AttentionDecoder(nn.Module):
    """An image from a bottleneck and what the memories made of the skips."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        *outer, last = widths
        self.mix = conv_norm_relu(2 * last, last)
        self.up = nn.ModuleList()
        self.levels = nn.ModuleList()
        for width in reversed(outer):
            self.up.append(
                nn.Sequential(
                    nn.ConvTranspose2d(last, width, 3, stride=2, padding=1, output_padding=1),
                    ResidualChannelAttention(width),
                )
            )
            self.levels.append(conv_norm_relu(2 * width, width))
            last = width
        self.head = nn.Conv2d(last, 3, 3, padding=1)

    def forward(self, features: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """(B, 2 * widths[-1], h, w) and the skips, largest first -> (B, 3, H, W)."""
        features = self.mix(features)
        for up, level, skip in zip(self.up, self.levels, reversed(skips), strict=True):
            features = level(torch.cat((up(features), skip), dim=1))
        image: Tensor = self.head(features)
        return image


class ShiftStream(nn.Module):
    """Predicts the image after `length` images, through a memory at the bottleneck and on every skip."""

    def __init__(self, widths: Sequence[int], length: int, items: int) -> None:
        super().__init__()
        self.length = length
        self.encoder = ShiftEncoder(widths, length)
        self.fold = nn.ModuleList(nn.Conv2d(length * width, width, 1) for width in widths)
        self.memories = nn.ModuleList(Memory(items, width) for width in widths)
        self.decoder = AttentionDecoder(widths)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Predict from (B, length, 3, H, W).

        Returns the image (B, 3, H, W), each level's queries of unit length, largest first, and how near the
        bottleneck's are to its memory's items, (B, M, h, w).
        """
        queries, reads = [], []
        for features, fold, memory in zip(
            self.encoder(images.flatten(0, 1)), self.fold, self._memories(), strict=True
        ):
            folded = fold(features.reshape(-1, self.length * features.shape[1], *features.shape[2:]))
            query = F.normalize(folded, dim=1)
            read, similarity = memory.read(query)
            queries.append(query)
            reads.append(read)
        *skips, deepest = reads
        return self.decoder(torch.cat((queries[-1], deepest), dim=1), skips), queries, similarity

    def separation(self, query: Tensor) -> Tensor:
        """How far the bottleneck's queries are from eq 10's margins; see `separation_loss`."""
        return separation_loss(query, *self._memories()[-1].nearest(query, 3).unbind(dim=1))

    def update(self, queries: Sequence[Tensor]) -> None:
        """Write each memory from its level's queries."""
        for memory, query in zip(self._memories(), queries, strict=True):
            memory.update(query)

    def _memories(self) -> list[Memory]:
        return cast("list[Memory]", list(self.memories))


class FusionStream(ClipModel):
    """Predicts a frame as the sum of a predicted frame and a predicted difference.

    The clip is I1..I6. The frame stream sees I1..I4 and predicts I5; the difference stream sees the four
    differences of I1..I5 and predicts I6 - I5: their targets add up to I6, the frame that is scored, and
    neither sees it. Cues: prediction, minus the PSNR of the sum; spatial_memory and temporal_memory, mean
    distances to the nearest items at the bottlenecks; window, the largest window mean of the squared error,
    which is ours.
    """

    card = Card(
        name="fusion_stream",
        summary="frames and their differences in two streams, memory on every skip",
        paper="Pedestrian spatio-temporal information fusion for video anomaly detection, arXiv 2211.10052",
        paper_auc={"avenue": 88.5, "shanghaitech": 77.2},
        paper_score={"prediction": 0.8, "spatial_memory": 0.1, "temporal_memory": 0.1},
    )
    config_type = FusionStreamConfig
    defaults: ClassVar[FitConfig] = FitConfig(
        epochs=50, batch_size=8, stride=1, learning_rate=2e-5, weight_decay=0.0
    )
    cues = ("prediction", "spatial_memory", "temporal_memory", "window")

    def __init__(self, config: FusionStreamConfig) -> None:
        super().__init__()
        self.config = config
        self.spatial = ShiftStream(config.widths, config.history, config.items)
        self.temporal = ShiftStream(config.widths, config.history, config.items)

    @property
    def clip_length(self) -> int:
        """The frames seen, the one that only the differences see, and the one to predict."""
        return int(self.config.history) + 2

    def training_loss(self, batch: Tensor, turn: str) -> dict[str, Tensor]:
        """Eqs 9 to 13: squared error and memory separation of both streams, half each."""
        clip = 2.0 * clip_images(batch) - 1.0
        frame, frame_queries, _ = self.spatial(clip[:, :-2])
        difference, difference_queries, _ = self.temporal(clip[:, 1:-1] - clip[:, :-2])
        prediction = 0.5 * F.mse_loss(frame, clip[:, -2]) + 0.5 * F.mse_loss(
            difference, clip[:, -1] - clip[:, -2]
        )
        separate = 0.5 * self.spatial.separation(frame_queries[-1]) + 0.5 * self.temporal.separation(
            difference_queries[-1]
        )
        if self.training:
            self.spatial.update(frame_queries)
            self.temporal.update(difference_queries)
        loss = prediction + self.config.separation_weight * separate
        return {"loss": loss, "prediction": prediction, "separation": separate}

    def score_clip(self, clip: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Eqs 14 to 16 without the per-clip normalisation, which is the evaluation's."""
        images = 2.0 * clip - 1.0
        frame, _, spatial = self.spatial(images[:, :-2])
        difference, _, temporal = self.temporal(images[:, 1:-1] - images[:, :-2])
        error = squared_error(0.5 * (frame + difference) + 0.5, clip[:, -1])
        cues = (
            negative_psnr(error, weight),
            _mean_distance(spatial),
            _mean_distance(temporal),
            window_peak(error, weight),
        )
        return torch.stack(cues, dim=1), error * weight

    def insight(self, clip: Tensor) -> Insight:
        """The queries of both bottlenecks side by side, and the items of both memories for half each."""
        images = 2.0 * clip - 1.0
        _, frame_queries, spatial = self.spatial(images[:, :-2])
        _, difference_queries, temporal = self.temporal(images[:, 1:-1] - images[:, :-2])
        queries = torch.cat((frame_queries[-1], difference_queries[-1]), dim=1)
        return Insight(queries, 0.5 * torch.cat((cosine_shares(spatial), cosine_shares(temporal)), dim=1))


def separation_loss(query: Tensor, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Eq 10 with the hinges and squares of the quadruplet loss it is taken from; margins 2 and 1.

    query and its nearest items, nearest first: (B, C, h, w) each.
    """
    near = (query - first).pow(2).sum(dim=1)
    to_second = (query - second).pow(2).sum(dim=1)
    between = (third - second).pow(2).sum(dim=1)
    return (torch.relu(near - to_second + 2.0) + torch.relu(near - between + 1.0)).mean()


def _mean_distance(similarity: Tensor) -> Tensor:
    return nearest_distance(similarity).clamp(min=1e-8).sqrt().mean(dim=(1, 2))
