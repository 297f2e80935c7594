"""What cues are made of, as graph operations: means over windows and over the foreground, peaks."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def box_mean(image: Tensor, size: int, stride: int = 1) -> Tensor:
    """Mean over the size x size window around every stride-th place, (B, C, H, W); size is odd."""
    return F.avg_pool2d(image, size, stride, padding=size // 2, count_include_pad=False)


def foreground(apart: Tensor, threshold: float) -> Tensor:
    """How surely each place shows something that is not the background, over a ramp of four grey levels.

    apart: (B, C, h, w), grey levels between frame and background; threshold is in grey levels. Returns
    (B, 1, h, w) in 0..1.
    """
    difference = box_mean(apart.abs().mean(dim=1, keepdim=True), 3)
    return ((difference - threshold) / 4.0 + 0.5).clamp(0.0, 1.0)


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
