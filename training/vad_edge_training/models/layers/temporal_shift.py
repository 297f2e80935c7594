"""Residual temporal shift: a 2-D convolution that sees the frames before and after."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def temporal_shift(features: Tensor, length: int, share: int = 8) -> Tensor:
    """Move one share-th of the channels a frame forward and as many a frame back, with zeros at the ends.

    features: (B * length, C, h, w), the frames of a clip one after another. Same shape is returned. The ratio
    is that of TSM (Lin et al., ICCV 2019); nothing wraps around.
    """
    count = max(features.shape[1] // share, 1)
    clips = features.reshape(-1, length, *features.shape[1:])
    nothing = torch.zeros_like(clips[:, :1, :count])
    later = torch.cat((nothing, clips[:, :-1, :count]), dim=1)
    earlier = torch.cat((clips[:, 1:, count : 2 * count], nothing), dim=1)
    return torch.cat((later, earlier, clips[:, :, 2 * count :]), dim=2).reshape(features.shape)


class ResidualTemporalShift(nn.Module):
    """Eq 1 of the pedestrian fusion paper: LReLU(q + conv(LReLU(conv(shift(q)))))."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B * length, C, h, w), same shape back."""
        shifted = temporal_shift(features, self.length)
        return F.leaky_relu(features + self.second(F.leaky_relu(self.first(shifted))))
