"""The learned part of the predictor: a frame predicted from the features of the frames before it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FOLD = 4
"""Side of the blocks of pixels that become channels."""

BLOCK = 3 * FOLD * FOLD
"""Channels of a folded frame."""

GREY_LEVELS = 256.0
"""What pixels are divided by: a power of two, so that half precision holds a folded frame exactly."""


class PatchFold(nn.Module):
    """A frame as channels in 0..1: `nn.PixelUnshuffle` by one-hot kernels, which engines run faster."""

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.eye(BLOCK).view(BLOCK, 3, FOLD, FOLD) / GREY_LEVELS
        self.register_buffer("kernels", kernels, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..255 -> (B, 48, H / 4, W / 4)."""
        return F.conv2d(pixels, self.kernels, stride=FOLD)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU())


class FrameEncoder(nn.Module):
    """Features of one frame at an eighth of its size, from a frame folded into 4 x 4 blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(BLOCK, channels),
            _conv(channels, 2 * channels, stride=2),
            _conv(2 * channels, 2 * channels),
        )

    def forward(self, blocks: Tensor) -> Tensor:
        """(B, 48, H / 4, W / 4) in 0..1 -> (B, 2 * channels, H / 8, W / 8)."""
        features: Tensor = self.layers(blocks)
        return features


class FramePredictor(nn.Module):
    """The next frame, as a change of the last one, from past features; both folded into 4 x 4 blocks."""

    def __init__(self, channels: int, history: int) -> None:
        super().__init__()
        wide = 4 * channels
        self.mix = nn.Sequential(
            nn.Conv2d(2 * channels * history, wide, 1), nn.ReLU(), _conv(wide, wide), _conv(wide, wide)
        )
        self.up = nn.Sequential(nn.Conv2d(wide, 4 * channels, 1), nn.ReLU(), nn.PixelShuffle(2))
        self.refine = _conv(channels + BLOCK, channels)
        self.change = nn.Conv2d(channels, BLOCK, 3, padding=1)

    def forward(self, features: Tensor, last: Tensor) -> Tensor:
        """Predict one frame, (B, 48, H / 4, W / 4) in about 0..1.

        features: (B, history * 2 * channels, H / 8, W / 8), oldest first. last: the newest of those frames,
        of the result's shape, in 0..1.
        """
        hidden = self.refine(torch.cat((self.up(self.mix(features)), last), dim=1))
        predicted: Tensor = last + self.change(hidden)
        return predicted
