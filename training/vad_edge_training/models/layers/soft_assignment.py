"""Soft k-means: how far features are from centroids, and how much they belong to each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def squared_distances(features: Tensor, centroids: Tensor) -> Tensor:
    """Squared Euclidean distances as one convolution: |f|^2 - 2 f.c + |c|^2, never below 0.

    features: (B, C, h, w). centroids: (K, C). Returns (B, K, h, w).
    """
    length = features.pow(2).sum(dim=1, keepdim=True)
    product = F.conv2d(features, centroids[:, :, None, None])
    return (length - 2.0 * product + centroids.pow(2).sum(dim=1).view(1, -1, 1, 1)).clamp(min=0.0)


def soft_assign(squared: Tensor, alpha: float) -> Tensor:
    """Softmax over the centroids of -alpha times the distance, from squared distances (B, K, h, w)."""
    return torch.softmax(-alpha * (squared + 1e-8).sqrt(), dim=1)


def soft_distance(squared: Tensor, alpha: float) -> Tensor:
    """Squared distance of each place to its centroids, weighted by how much it belongs to each: (B, h, w)."""
    return (soft_assign(squared, alpha) * squared).sum(dim=1)
