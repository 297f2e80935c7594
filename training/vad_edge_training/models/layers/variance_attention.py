"""Attention to the places whose features vary most over the channels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class VarianceAttention(nn.Module):
    """Scales features up where an embedding of them varies over its channels (Chang et al. 2022, eqs 7 to 9).

    The variance is that of a 1 x 1 embedding averaged over `pool` x `pool` places. The attention is a softmax
    over the places, of unit Euclidean length; features are multiplied by its exponential, 1 to e.
    """

    def __init__(self, channels: int, pool: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels, channels, 1, bias=False)
        self.pool = pool

    def attention(self, features: Tensor) -> Tensor:
        """Eqs 7 to 9: (B, C, h, w) -> (B, 1, h / pool, w / pool), 0..1."""
        embedded = F.avg_pool2d(self.embed(features), self.pool)
        variance = (embedded - embedded.mean(dim=1, keepdim=True)).pow(2).mean(dim=1, keepdim=True)
        share = torch.softmax(variance.flatten(1), dim=1)
        unit: Tensor = F.normalize(share, dim=1).reshape(variance.shape)
        return unit

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, C, h, w) with the places that vary most scaled up."""
        attention = F.interpolate(self.attention(features), scale_factor=float(self.pool), mode="nearest")
        return features * attention.exp()
