"""Motion of every place, by Lucas and Kanade's least squares, as graph operations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vad_edge_training.models.cues import box_mean

HALF = 2
"""Motion is measured on frames of half the size."""

GRAY_OF_BGR = (0.114, 0.587, 0.299)


def speed_of(velocity: Tensor) -> Tensor:
    """The length of each velocity, (B, 2, h, w) -> (B, 1, h, w), with a gradient at rest too."""
    return velocity.pow(2).sum(dim=1, keepdim=True).add(1e-6).sqrt()


class GradientFlow(nn.Module):
    """Velocity of each place from how brightness changes along its gradients.

    One velocity explains a whole `window`; `damping`, in squared grey levels, draws it to zero where there
    is no texture. Five products, one pooling and a two by two solution: a small part of what comparing
    blocks costs, and as good wherever motion stays below about half a window.
    """

    slopes: Tensor

    def __init__(self, window: int, stride: int, damping: float, fastest: float) -> None:
        super().__init__()
        self.window = window
        self.stride = stride
        self.damping = damping
        self.fastest = fastest
        slopes = torch.zeros(2, 1, 3, 3)
        slopes[0, 0, 1] = torch.tensor([-0.5, 0.0, 0.5])
        slopes[1, 0, :, 1] = torch.tensor([-0.5, 0.0, 0.5])
        self.register_buffer("slopes", slopes, persistent=False)

    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        """Pixels a frame, right and down, each within +-fastest.

        previous, current: (B, 1, H, W) grey levels in 0..255. Returns (B, 2, H / stride, W / stride).
        """
        middle = F.pad((previous + current) / 2, (1, 1, 1, 1), mode="replicate")
        slope = F.conv2d(middle, self.slopes)
        across, down, change = slope[:, :1], slope[:, 1:], current - previous
        products = (across * across, down * down, across * down, across * change, down * change)
        means = box_mean(torch.cat(products, dim=1), self.window, self.stride)
        xx, yy, xy, xt, yt = (means[:, k : k + 1] for k in range(5))
        xx, yy = xx + self.damping, yy + self.damping
        determinant = xx * yy - xy * xy
        velocity = torch.cat((xy * yt - yy * xt, xy * xt - xx * yt), dim=1) / determinant
        return velocity.clamp(-self.fastest, self.fastest)
