"""Residual blocks that halve or double an image's size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size, or halves it with stride 2."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1)


class HalvingBlock(nn.Module):
    """Two convolutions beside a convolution, at half the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(conv(inputs, outputs, 2), nn.LeakyReLU(), conv(outputs, outputs))
        self.shortcut = conv(inputs, outputs, 2)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h / 2, w / 2)."""
        return F.leaky_relu(self.main(features) + self.shortcut(features))


class DoublingBlock(nn.Module):
    """Channels are unfolded into twice the size, then two convolutions beside a convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        folded = inputs // 4
        self.unfold = nn.PixelShuffle(2)
        self.main = nn.Sequential(conv(folded, outputs), nn.LeakyReLU(), conv(outputs, outputs))
        self.shortcut = conv(folded, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, 2 h, 2 w)."""
        unfolded = self.unfold(features)
        return F.leaky_relu(self.main(unfolded) + self.shortcut(unfolded))
