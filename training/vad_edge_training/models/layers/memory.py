"""A memory of normal prototypes that is read by similarity and written while training."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Memory(nn.Module):
    """Prototype items of unit length; reading is differentiable, writing is not.

    Equation numbers are those of MNAD (Park et al., CVPR 2020). Queries are feature vectors of unit length
    at every place, (B, C, h, w).
    """

    items: Tensor

    def __init__(self, items: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("items", F.normalize(torch.rand(items, channels), dim=1))

    def read(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """What the memory knows of each place, and how near each item is.

        query: (B, C, h, w), unit length. Returns the read features (B, C, h, w), eqs 2 and 3, and the cosine
        similarities (B, M, h, w) in -1..1.
        """
        # A copy while training: `update` may follow before the backward pass.
        items = self.items.clone() if self.training else self.items
        kernels = items[:, :, None, None]
        similarity = F.conv2d(query, kernels)
        return F.conv2d(torch.softmax(similarity, dim=1), kernels.transpose(0, 1)), similarity

    @torch.no_grad()
    def update(self, query: Tensor) -> None:
        """Move each item towards the queries nearest to it, eqs 4 to 7; items without a near query stay."""
        flat = query.permute(0, 2, 3, 1).flatten(0, 2)
        similarity = flat @ self.items.T
        nearest = F.one_hot(similarity.argmax(dim=1), len(self.items)).to(flat.dtype)
        share = torch.softmax(similarity, dim=0) * nearest
        weight = share / share.amax(dim=0).clamp(min=torch.finfo(share.dtype).tiny)
        self.items.copy_(F.normalize(self.items + weight.T @ flat, dim=1))

    def nearest(self, query: Tensor, count: int) -> Tensor:
        """The `count` items nearest to each place, nearest first: (B, count, C, h, w)."""
        similarity = F.conv2d(query, self.items[:, :, None, None])
        places = similarity.topk(count, dim=1).indices
        return self.items[places].permute(0, 1, 4, 2, 3)


def nearest_distance(similarity: Tensor) -> Tensor:
    """Squared distance of each place to its nearest item, from cosine similarities of unit vectors, 0..4.

    similarity: (B, M, h, w). Returns (B, h, w).
    """
    return 2.0 - 2.0 * similarity.amax(dim=1)


def compactness(query: Tensor, nearest: Tensor) -> Tensor:
    """Mean squared distance of the queries to their nearest items, eq 9; both (B, C, h, w)."""
    return F.mse_loss(query, nearest)


def separateness(query: Tensor, first: Tensor, second: Tensor, margin: float = 1.0) -> Tensor:
    """How far queries are from being nearer to their first item than to their second by `margin`, eq 10.

    Distances are Euclidean; all are (B, C, h, w).
    """
    near = (query - first).pow(2).sum(dim=1).add(1e-8).sqrt()
    far = (query - second).pow(2).sum(dim=1).add(1e-8).sqrt()
    return torch.relu(near - far + margin).mean()
