"""Window attention over clips, shifted in every other block (Video Swin Transformer, Liu et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MASKED = -100.0
"""Added to the attention between places that only lie beside each other because the shift wraps around."""


def split_windows(features: Tensor, side: int) -> Tensor:
    """Cut (B, T, H, W, C) into windows of all frames and side x side places: (B * n, T * side^2, C)."""
    _, length, height, width, channels = features.shape
    rows, columns = height // side, width // side
    cut = features.reshape(-1, length, rows, side, columns, side, channels)
    return cut.permute(0, 2, 4, 1, 3, 5, 6).reshape(-1, length * side * side, channels)


def join_windows(windows: Tensor, size: tuple[int, int, int], side: int) -> Tensor:
    """Put windows back together; size is (T, H, W). The inverse of `split_windows`."""
    length, height, width = size
    rows, columns = height // side, width // side
    cut = windows.reshape(-1, rows, columns, length, side, side, windows.shape[-1])
    return cut.permute(0, 3, 1, 4, 2, 5, 6).reshape(-1, length, height, width, windows.shape[-1])


def shift_mask(size: tuple[int, int, int], side: int, shift: int) -> Tensor:
    """What is added to each window's attention after a shift: (n, N, N), 0 or `MASKED`.

    Places may only attend to places of the same region, since the shift wraps the far edges around.
    """
    length, height, width = size
    bounds = torch.tensor([side, shift])
    rows, columns = (
        torch.bucketize(torch.arange(extent), extent - bounds, right=True) for extent in (height, width)
    )
    region = (3 * rows[:, None] + columns).float().expand(1, length, height, width)
    windows = split_windows(region.unsqueeze(-1), side).squeeze(-1)
    return MASKED * (windows[:, None, :] != windows[:, :, None]).float()


def relative_places(length: int, side: int) -> Tensor:
    """Which row of the bias table belongs to each pair of places of a window: (N, N), int64."""
    axes = (torch.arange(length), torch.arange(side), torch.arange(side))
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)
    apart = places[:, :, None] - places[:, None, :]
    spans = (2 * length - 1, 2 * side - 1, 2 * side - 1)
    frames, rows, columns = (apart[axis] + spans[axis] // 2 for axis in range(3))
    return (frames * spans[1] + rows) * spans[2] + columns


class WindowAttention(nn.Module):
    """Multi-head attention within windows, with a learned bias for every relative place."""

    places: Tensor

    def __init__(self, channels: int, heads: int, length: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(channels, 3 * channels)
        self.output = nn.Linear(channels, channels)
        rows = (2 * length - 1) * (2 * side - 1) ** 2
        self.bias = nn.Parameter(0.02 * torch.randn(rows, heads))
        self.register_buffer("places", relative_places(length, side), persistent=False)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """(B * n, N, C), same shape back. mask: (n, N, N) is added to the attention."""
        count, channels = windows.shape[1:]
        parts = self.inputs(windows).reshape(-1, count, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        logits = query @ key.transpose(-2, -1) * (channels // self.heads) ** -0.5
        logits = logits + self.bias[self.places].permute(2, 0, 1)
        if mask is not None:
            grouped = logits.reshape(-1, mask.shape[0], self.heads, count, count)
            logits = (grouped + mask[:, None]).reshape(-1, self.heads, count, count)
        mixed = (torch.softmax(logits, dim=-1) @ value).transpose(1, 2).reshape(-1, count, channels)
        output: Tensor = self.output(mixed)
        return output


class ShiftedWindowBlock(nn.Module):
    """Window attention and a perceptron, each normalised before and added to what came in.

    size is the (T, H, W) of the features, side that of the windows, which must divide H and W. A block with
    shifted windows moves them by half a side. With one window in all, there is nothing to shift.
    """

    mask: Tensor | None

    def __init__(
        self, channels: int, heads: int, size: tuple[int, int, int], side: int, *, shifted: bool
    ) -> None:
        super().__init__()
        self.size = size
        self.side = side
        self.shift = side // 2 if shifted and max(size[1:]) > side else 0
        self.before_attention = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, size[0], side)
        self.before_perceptron = nn.LayerNorm(channels)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )
        mask = shift_mask(size, side, self.shift) if self.shift else None
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, H, W, C), same shape back."""
        features = features + self._attend(self.before_attention(features))
        perceived: Tensor = features + self.perceptron(self.before_perceptron(features))
        return perceived

    def _attend(self, features: Tensor) -> Tensor:
        if self.shift:
            features = torch.roll(features, (-self.shift, -self.shift), dims=(2, 3))
        windows = self.attention(split_windows(features, self.side), self.mask)
        joined = join_windows(windows, self.size, self.side)
        return torch.roll(joined, (self.shift, self.shift), dims=(2, 3)) if self.shift else joined
