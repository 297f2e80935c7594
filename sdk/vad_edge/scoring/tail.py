"""How rare a score is: one cue's distribution on normal footage, several cues together, their calibration."""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining, Tail
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


FloatArray = NDArray[np.float64]


def counted_cues(joining: Joining, cues: Sequence[str]) -> list[str]:
    """The cues that count, in the order of `cues`."""
    return [cue for cue in cues if not joining.counted or cue in joining.counted]


def joint_surprise(joining: Joining, tails: Mapping[str, Tail], scores: FloatArray) -> FloatArray:
    """The joint of the cues' surprises, (T,), for scores (T, K) with a column for each tail, in order."""
    columns = {cue: column for column, cue in enumerate(tails)}
    surprises = np.stack(
        [tail_surprise(tails[cue], scores[:, columns[cue]]) for cue in counted_cues(joining, list(tails))]
    )
    joint: FloatArray
    joint = np.linalg.norm(surprises, axis=0) if joining.norm == "root" else surprises.sum(axis=0)
    return joint


def join(joining: Joining, surprises: Sequence[float]) -> float:
    """`joint_surprise` of a single frame's surprises, those that count, without arrays."""
    return math.hypot(*surprises) if joining.norm == "root" else sum(surprises)


logger = logging.getLogger(__name__)


def fit_calibration(
    scores: ArrayLike,
    cues: Sequence[str],
    *,
    fps: float,
    footage: Sequence[str] = (),
    joining: Joining = SUM_OF_ALL,
) -> Calibration:
    """Learn what is normal from `scores`, one row a frame of normal footage, one column a cue.

    scores: (N, K), K as many as `cues`. Rows with a value that is not finite (frames without a score) are
    left out; `frames` of the result says how many stayed. footage: sha256 of the files behind the rows.
    Raises DataError for too few rows or a wrong number of columns.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(cues):
        raise DataError(f"scores of shape {table.shape} do not fit the {len(cues)} cues {', '.join(cues)}")
    kept = table[np.isfinite(table).all(axis=1)]
    if len(kept) < len(table):
        logger.info(
            "calibration leaves out %d of %d frames without a score", len(table) - len(kept), len(table)
        )
    tails = {cue: fit_tail(kept[:, column]) for column, cue in enumerate(cues)}
    return Calibration(
        cues=tails,
        total=fit_tail(joint_surprise(joining, tails, kept)),
        frames=len(kept),
        seconds=len(kept) / fps,
        fps=fps,
        footage=tuple(footage),
        joining=joining,
    )
