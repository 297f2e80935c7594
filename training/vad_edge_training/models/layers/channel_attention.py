"""Residual channel attention: features plus their own refinement, channel by channel as it matters."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualChannelAttention(nn.Module):
    """Eqs 2 to 4 of the pedestrian fusion paper; the squeeze keeps at least one channel."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        squeezed = max(channels // reduction, 1)
        self.refine = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w), same shape back."""
        refined: Tensor = self.refine(features)
        mean = refined.mean(dim=(2, 3), keepdim=True)
        share = torch.sigmoid(self.excite(nn.functional.leaky_relu(self.squeeze(mean))))
        return features + refined * share
