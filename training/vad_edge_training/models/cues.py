"""Cues that need no learning, as graph operations: motion by block matching, distance to the background."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BlockMatching(nn.Module):
    """How fast each place of a scene moves between two frames, by soft block matching.

    Every displacement up to `radius` pixels is scored by the mean absolute difference over a `block` wide
    square, and the displacements are averaged with softmax(-sharpness * difference) as their weights.
    Shifting is a convolution with one-hot kernels, so the whole is convolutions, a pooling and a softmax.
    Speeds are given at every `stride`-th pixel, which is where most of the cost would be.
    """

    shift_bank: Tensor
    moments: Tensor

    def __init__(self, radius: int, block: int, sharpness: float, stride: int) -> None:
        super().__init__()
        self.radius = radius
        self.block = block
        self.stride = stride
        self.sharpness = sharpness
        side = 2 * radius + 1
        shifts = torch.eye(side * side).view(side * side, 1, side, side)
        self.register_buffer("shift_bank", shifts, persistent=False)
        steps = torch.arange(-radius, radius + 1, dtype=torch.float32)
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="ij")).reshape(2, side * side, 1, 1)
        moments = torch.cat((grid, torch.ones(1, side * side, 1, 1)))
        self.register_buffer("moments", moments, persistent=False)

    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        """Speed in pixels a frame.

        previous, current: (B, 1, H, W) grey levels in 0..255. Returns (B, 1, H / stride, W / stride),
        0..radius * sqrt(2).
        """
        edge = self.radius
        shifted = F.conv2d(F.pad(previous, (edge, edge, edge, edge), mode="replicate"), self.shift_bank)
        difference = box_mean((shifted - current).abs(), self.block, self.stride)
        closeness = -self.sharpness * difference
        # The softmax, but for its last division, which comes after the sum: engines are slow across channels.
        likelihood = (closeness - closeness.amax(dim=1, keepdim=True)).exp()
        moments = F.conv2d(likelihood, self.moments)
        velocity = moments[:, :2] / moments[:, 2:]
        return velocity.pow(2).sum(dim=1, keepdim=True).add(1e-6).sqrt()


def box_mean(image: Tensor, size: int, stride: int = 1) -> Tensor:
    """Mean over the size x size window around every stride-th place, (B, C, H, W); size is odd."""
    return F.avg_pool2d(image, size, stride, padding=size // 2, count_include_pad=False)


def foreground(distance: Tensor, threshold: float, softness: float) -> Tensor:
    """How surely each place shows something that is not the background, 0..1.

    distance: (B, 1, H, W), absolute grey levels from the background. It is blurred, compared with the
    threshold over a ramp `softness` wide, and grown by one pixel to close small holes.
    """
    surely = ((box_mean(distance, 5) - threshold) / softness + 0.5).clamp(0.0, 1.0)
    return F.max_pool2d(surely, 3, stride=1, padding=1)


def mean_over_foreground(values: Tensor, share: Tensor, size: int, filled: float) -> Tensor:
    """Mean of `values` over the foreground of each window, 0 where less than `filled` of it is foreground.

    values, share: (B, 1, h, w), share in 0..1.
    """
    occupied = box_mean(share, size)
    enough = (occupied > filled).to(values.dtype)
    return box_mean(values * share, size) / (occupied + 1e-3) * enough


def peak(window_map: Tensor) -> Tensor:
    """The largest value of each map; (B, 1, h, w) -> (B,)."""
    return window_map.amax(dim=(1, 2, 3))
