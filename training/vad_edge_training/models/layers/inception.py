"""The inflated inception block of I3D (Carreira and Zisserman 2017): 3-D convolutions of several reaches."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _conv(inputs: int, outputs: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, side, padding=side // 2, bias=False),
        nn.BatchNorm3d(outputs, eps=1e-3),
        nn.GELU(),
    )


class Inception3d(nn.Module):
    """Four branches over clips whose outputs are joined again to as many channels; a multiple of 12."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        sixth = channels // 6
        self.point = _conv(channels, sixth, 1)
        self.wide = nn.Sequential(_conv(channels, 2 * sixth, 1), _conv(2 * sixth, 3 * sixth, 3))
        self.narrow = nn.Sequential(_conv(channels, sixth // 2, 1), _conv(sixth // 2, sixth, 3))
        self.pooled = nn.Sequential(nn.MaxPool3d(3, stride=1, padding=1), _conv(channels, sixth, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, T, H, W), same shape back."""
        branches = (self.point, self.wide, self.narrow, self.pooled)
        return torch.cat([branch(features) for branch in branches], dim=1)
