"""The distribution of one score on normal footage: fitted once, then asked how rare a new score is."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vad_edge.bundle.calibration import Tail
from vad_edge.errors import DataError

MIN_SCORES = 20
# Beyond this a chance is no longer a float; an exponential tail means nothing there anyway.
MAX_SURPRISE = 300.0
_KNEE = 0.9
_PAIRS = 64
_SCALE_OF_ZEROS = 1e-6
_RELATIVE_SCALE = 1e-3


def fit_tail(scores: ArrayLike) -> Tail:
    """Fit the distribution of `scores`, which must come from normal footage.

    scores: (N,), within the range of float32; values that are not finite are left out. A score that never
    varies gets a scale of a thousandth of itself, so that the smallest noise is not an alarm.
    Raises DataError for fewer than `MIN_SCORES` finite scores.
    """
    values = np.asarray(scores, dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    if len(values) < MIN_SCORES:
        raise DataError(
            f"{len(values)} finite scores are too few to calibrate on, {MIN_SCORES} are needed",
            fix="give more normal footage (minutes, better hours)",
        )
    levels = np.linspace(0.0, _KNEE, _PAIRS)
    quantiles = np.maximum.accumulate(np.quantile(values, levels))
    knee = float(quantiles[-1])
    above = values[values > knee]
    excess = float(np.mean(above - knee)) if len(above) else 0.0
    floor = _RELATIVE_SCALE * max(abs(knee), float(knee - quantiles[0]))
    return Tail(
        levels=tuple(levels.tolist()),
        scores=tuple(quantiles.tolist()),
        scale=max(excess, floor) or _SCALE_OF_ZEROS,
    )


def tail_surprise(tail: Tail, scores: ArrayLike) -> NDArray[np.float64]:
    """The surprise of each score: -log10 of the chance that a normal one is as high.

    scores: any shape, finite (NaN stays NaN). Returns float64 of the same shape in [0, `MAX_SURPRISE`],
    never falling as the score rises.
    """
    values = np.asarray(scores, dtype=np.float64)
    # Turned round, so that among equal quantiles the lowest level counts: "as high", not "higher".
    levels = np.interp(-values, -np.asarray(tail.scores)[::-1], np.asarray(tail.levels)[::-1])
    excess = np.maximum(values - tail.scores[-1], 0.0) / tail.scale
    rarity = np.log1p(tail.shape * excess) / tail.shape if tail.shape > 0.0 else excess
    surprise: NDArray[np.float64] = -np.log10(1.0 - levels) + rarity / math.log(10.0)
    return np.minimum(surprise, MAX_SURPRISE)


def score_surprise(tail: Tail, score: float) -> float:
    """`tail_surprise` of a single finite score, without arrays: the way of one live frame."""
    scores, levels = tail.scores, tail.levels
    if score > scores[-1]:
        excess = (score - scores[-1]) / tail.scale
        rarity = math.log1p(tail.shape * excess) / tail.shape if tail.shape > 0.0 else excess
        return min(-math.log10(1.0 - levels[-1]) + rarity / math.log(10.0), MAX_SURPRISE)
    place = bisect_left(scores, score)
    level = levels[place]
    if place > 0 and scores[place] > score:
        fraction = (score - scores[place - 1]) / (scores[place] - scores[place - 1])
        level = levels[place - 1] + fraction * (level - levels[place - 1])
    return -math.log10(1.0 - level) + 0.0
