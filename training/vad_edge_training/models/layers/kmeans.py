"""Where cluster centres begin: k-means++ on the features of some training clips."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor

BATCHES = 100
VECTORS = 20_000


def kmeans_centers(maps: Iterable[Tensor], count: int) -> Tensor:
    """The centres of `count` clusters, (count, C), on the device of the features.

    maps: (B, C, h, w) features of one batch after another; at most `BATCHES` are taken, and of their vectors
    `VECTORS`, evenly. The same features give the same centres.
    """
    from sklearn.cluster import KMeans

    taken = [features.flatten(2).transpose(1, 2).flatten(0, 1) for features in islice(maps, BATCHES)]
    vectors = torch.cat(taken)
    every = -(-len(vectors) // VECTORS)
    found = KMeans(count, n_init=1, random_state=0).fit(vectors[::every].float().cpu().numpy())
    return torch.from_numpy(found.cluster_centers_).to(vectors)
