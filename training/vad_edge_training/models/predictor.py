"""The learned part of the student: a frame predicted from the features of the frames before it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FOLD = 4
"""Side of the blocks of pixels that become channels."""


class Fold(nn.Module):
    """`nn.PixelUnshuffle` as a convolution with one-hot kernels, which engines run several times faster."""

    kernels: Tensor

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        kernels = torch.eye(channels * side * side).view(-1, channels, side, side)
        self.register_buffer("kernels", kernels, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C * side * side, H / side, W / side)."""
        return F.conv2d(image, self.kernels, stride=self.side)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU())


class FrameEncoder(nn.Module):
    """Features of one frame at an eighth of its size, from a frame folded into 4 x 4 blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Fold(3, FOLD),
            _conv(48, channels),
            _conv(channels, 2 * channels, stride=2),
            _conv(2 * channels, 2 * channels),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 2 * channels, H / 8, W / 8)."""
        features: Tensor = self.layers(image)
        return features


class FramePredictor(nn.Module):
    """The next frame, as a change of the last one, from past features."""

    def __init__(self, channels: int, history: int) -> None:
        super().__init__()
        wide = 3 * channels
        self.mix = nn.Sequential(
            nn.Conv2d(2 * channels * history, wide, 1), nn.ReLU(), _conv(wide, wide), _conv(wide, wide)
        )
        self.up = nn.Sequential(nn.Conv2d(wide, 4 * channels, 1), nn.ReLU(), nn.PixelShuffle(2))
        self.refine = _conv(channels + 48, channels)
        self.change = nn.Conv2d(channels, 48, 3, padding=1)
        self.fold = Fold(3, FOLD)
        self.unfold = nn.PixelShuffle(FOLD)

    def forward(self, features: Tensor, last: Tensor) -> Tensor:
        """Predict one frame, (B, 3, H, W) in about 0..1.

        features: (B, history * 2 * channels, H / 8, W / 8), oldest first. last: (B, 3, H, W) in 0..1, the
        newest of those frames.
        """
        blocks = self.fold(last)
        hidden = self.refine(torch.cat((self.up(self.mix(features)), blocks), dim=1))
        predicted: Tensor = self.unfold(blocks + self.change(hidden))
        return predicted
