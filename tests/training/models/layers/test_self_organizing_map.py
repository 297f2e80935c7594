from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vad_edge_training.models.layers.self_organizing_map import find_clusters


def heaps(count: int, seed: int) -> NDArray[np.float64]:
    """200 vectors in `count` tight heaps, the first twice as large as any other."""
    random = np.random.default_rng(seed)
    sizes = np.r_[2, np.ones(count - 1)]
    which = random.choice(count, 200, p=sizes / sizes.sum())
    return np.asarray(10.0 * np.eye(6)[which] + 0.05 * random.standard_normal((200, 6)))


def test_as_many_clusters_are_found_as_there_are_heaps() -> None:
    neurons, count = find_clusters([heaps(3, seed) for seed in range(4)], side=3, updates=2000)
    assert neurons.shape == (9, 6)
    assert 3 <= count <= 4


def test_the_neurons_that_win_most_come_first() -> None:
    maps = [heaps(3, 0)]
    neurons, count = find_clusters(maps, side=3, updates=2000)
    apart = np.linalg.norm(maps[0][:, None] - neurons[None], axis=2)
    wins = np.bincount(apart.argmin(axis=1), minlength=9)
    assert (np.diff(wins) <= 0).all()
    assert np.count_nonzero(wins) == count


def test_the_same_features_give_the_same_clusters() -> None:
    maps = [heaps(4, 0)]
    first, again = find_clusters(maps, 3, 500), find_clusters(maps, 3, 500)
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] == again[1]
