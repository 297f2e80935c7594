"""How many clusters features fall into, and where they are, found by a self-organising map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from minisom import MiniSom
from numpy.typing import NDArray

Vectors = NDArray[np.float64]


def find_clusters(
    maps: Sequence[Vectors], side: int, updates: int, *, sigma: float = 0.5, rate: float = 0.5, seed: int = 0
) -> tuple[Vectors, int]:
    """Fit a map of side x side neurons to feature maps, one after another (DLAN-AC eqs 1 to 4).

    maps: one (N, D) array of vectors for each feature map; each gets `updates` updates. Returns the neurons
    (side^2, D), those that win most often first, and eq 4's number of clusters: how many neurons win in a
    feature map, on average.
    """
    som = MiniSom(
        side,
        side,
        maps[0].shape[1],
        sigma=sigma,
        learning_rate=rate,
        decay_function="asymptotic_decay",
        neighborhood_function="gaussian",
        random_seed=seed,
    )
    som.random_weights_init(np.concatenate(maps))
    wins = np.zeros(side * side, np.int64)
    distinct = []
    for vectors in maps:
        som.train(vectors, updates, random_order=True)
        counts = np.bincount(_winners(som, vectors), minlength=side * side)
        wins += counts
        distinct.append(np.count_nonzero(counts))
    order = np.argsort(-wins, kind="stable")
    neurons: Vectors = som.get_weights().reshape(side * side, -1)[order]
    return neurons, max(round(float(np.mean(distinct))), 1)


def _winners(som: MiniSom, vectors: Vectors) -> NDArray[np.int64]:
    neurons = som.get_weights().reshape(-1, vectors.shape[1])
    squared = (neurons**2).sum(axis=1) - 2.0 * vectors @ neurons.T
    return np.asarray(squared.argmin(axis=1), np.int64)
