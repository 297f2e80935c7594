"""What a teacher makes of each place in normal life, by which what is there is told from the place itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge_training.distill.teachers import Maps, Places

MOST: Final = 64
"""Prototypes that are told apart, those used most; the others count as one."""

_LEAST_SHARE: Final = 1e-3
_LEAST_SPREAD: Final = 1e-2


@dataclass(frozen=True, slots=True)
class PlaceStatistics:
    """What is usual at each place.

    mean: (h, w, C), of features. spread: (C,), standard deviation of what remains without the mean. kept:
    the prototypes that are told apart. prior: (h, w, M), logarithm of how much the place belongs to each of
    them, and to all others together where there are others.
    """

    mean: Maps
    spread: Maps
    kept: NDArray[np.intp]
    prior: Maps

    def standardised(self, features: Maps) -> Maps:
        """Features (T, h, w, C) without what the place itself shows, of mean 0 and deviation 1 each."""
        return np.asarray((features - self.mean) / self.spread, np.float32)

    def told_apart(self, shares: Maps) -> Maps:
        """Shares of the prototypes that are told apart, (T, h, w, M), of (T, h, w, all)."""
        return _told_apart(shares, self.kept)


def statistics_of(normal: Sequence[Places]) -> PlaceStatistics:
    """What is usual in sequences of normal life."""
    features = np.concatenate([places.features for places in normal])
    shares = np.concatenate([places.shares for places in normal])
    mean = features.mean(axis=0)
    spread = (features - mean).std(axis=(0, 1, 2))
    # What never changes would be noise of deviation 1.
    least = max(_LEAST_SPREAD * float(spread.max(initial=0.0)), float(np.finfo(np.float32).tiny))
    used = shares.mean(axis=(0, 1, 2))
    kept = np.argsort(-used, kind="stable")
    kept = kept if len(kept) <= MOST else kept[: MOST - 1]
    usual = _told_apart(shares, kept).mean(axis=0) + _LEAST_SHARE
    prior = np.log(usual / usual.sum(axis=-1, keepdims=True))
    return PlaceStatistics(mean, np.maximum(spread, least), kept, prior)


def _told_apart(shares: Maps, kept: NDArray[np.intp]) -> Maps:
    told = shares[..., kept]
    if len(kept) == shares.shape[-1]:
        return told
    rest = np.clip(1.0 - told.sum(axis=-1, keepdims=True), 0.0, 1.0)
    return np.concatenate((told, rest), axis=-1)
