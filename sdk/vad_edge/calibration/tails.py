"""Scores of normal life to the tails of a camera pack: every cue's surprise, and the joint one's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining, Tail
from vad_edge.calibration.pareto import MIN_PEAKS, Pareto, fit_pareto, goodness_of_fit
from vad_edge.errors import DataError
from vad_edge.scoring.tail import joint_surprise

FloatArray = NDArray[np.float64]

SHORTEST_BLOCK_S: Final = 0.5
LONGEST_BLOCK_S: Final = 60.0
MIN_BLOCKS: Final = 50
"""Blocks a calibration wants: long correlation in short footage must give way."""

_E_FOLD: Final = 1.0 / math.e
_LEAST_VALID: Final = 0.5


def correlation_time(stretches: Sequence[FloatArray], fps: float) -> float:
    """Seconds after which a score has forgotten itself: its autocorrelation has fallen to 1/e.

    stretches are uninterrupted scores, (T,) each, NaN where there is none. What counts is their order, not
    their size, so that a few huge scores do not hide the rest. The answer lies between `SHORTEST_BLOCK_S` and
    `LONGEST_BLOCK_S`, and leaves at least `MIN_BLOCKS` blocks where the footage is long enough.
    """
    joined = np.concatenate(stretches)
    order = np.full(len(joined), np.nan)
    valid = np.isfinite(joined)
    order[valid] = np.searchsorted(np.sort(joined[valid]), joined[valid], side="right")
    order -= order[valid].mean()
    most = round(LONGEST_BLOCK_S * fps)
    products, counts = np.zeros(most + 1), np.zeros(most + 1)
    begin = 0
    for stretch in stretches:
        part = order[begin : begin + len(stretch)]
        begin += len(stretch)
        products_here, counts_here = _lagged(part, most)
        products += products_here
        counts += counts_here
    if products[0] <= 0.0:
        return SHORTEST_BLOCK_S
    correlation = products / np.maximum(counts, 1.0) / (products[0] / counts[0])
    forgotten = np.flatnonzero(correlation < _E_FOLD)
    lag_s = float(forgotten[0]) / fps if len(forgotten) else LONGEST_BLOCK_S
    seconds = float(valid.sum()) / fps
    return max(min(lag_s, LONGEST_BLOCK_S, seconds / MIN_BLOCKS), SHORTEST_BLOCK_S)


def longest_correlation(stretches: Sequence[FloatArray], fps: float) -> float:
    """The correlation time of the cue that has the longest; stretches are (T, K) each."""
    columns = range(stretches[0].shape[1])
    return max(correlation_time([part[:, column] for part in stretches], fps) for column in columns)


def block_maxima(stretch: FloatArray, fps: float, block_s: float) -> FloatArray:
    """The largest score of each block of a stretch, (blocks,); blocks mostly without a score are left out."""
    length = max(round(block_s * fps), 1)
    blocks = len(stretch) // length
    table = stretch[: blocks * length].reshape(blocks, length)
    valid = np.isfinite(table)
    kept = valid.mean(axis=1) >= _LEAST_VALID
    return np.asarray(np.where(valid, table, -np.inf)[kept].max(axis=1, initial=-np.inf))


def _lagged(values: FloatArray, most: int) -> tuple[FloatArray, FloatArray]:
    """Sums of products of values that lie 0..most frames apart, and how many there were."""
    valid = np.isfinite(values)
    filled = np.where(valid, values, 0.0)
    size = 2 ** math.ceil(math.log2(len(values) + most + 1))
    power = np.abs(np.fft.rfft(filled, size)) ** 2
    pairs = np.abs(np.fft.rfft(valid.astype(np.float64), size)) ** 2
    return np.fft.irfft(power, size)[: most + 1], np.fft.irfft(pairs, size)[: most + 1]


_KNEES: Final = (0.8, 0.9, 0.95)
_BELIEVED: Final = 0.05
_PAIRS: Final = 64
_RELATIVE_SCALE: Final = 1e-3
_SMALLEST_SCALE: Final = 1e-6
MIN_MAXIMA: Final = 20


def fit_tails(
    stretches: Sequence[FloatArray],
    cues: Sequence[str],
    *,
    fps: float,
    block_s: float,
    footage: Sequence[str] = (),
    trimmed: float = 0.0,
    joining: Joining = SUM_OF_ALL,
) -> Calibration:
    """The surprise of each cue and of their joint, from the maxima of blocks of normal life. Needs scipy.

    stretches are uninterrupted scores, (T, K) each, one row a frame at `fps`, NaN where there is none. The
    joint of the cues' surprises is calibrated as a whole: cues that rise together count once.
    trimmed is the share of the highest maxima that is not learned from, where some may be abnormal. Raises
    DataError for less than `MIN_MAXIMA` blocks.
    """
    random = np.random.default_rng(0) if trimmed == 0.0 else None
    tails = {
        cue: fit_block_tail(_maxima([part[:, column] for part in stretches], fps, block_s, trimmed), random)
        for column, cue in enumerate(cues)
    }
    joints = [joint_surprise(joining, tails, part) for part in stretches]
    frames = sum(int(np.isfinite(part).all(axis=1).sum()) for part in stretches)
    return Calibration(
        cues=tails,
        total=fit_block_tail(_maxima(joints, fps, block_s, trimmed), random),
        frames=frames,
        seconds=frames / fps,
        fps=fps,
        footage=tuple(footage),
        block_s=block_s,
        joining=joining,
    )


def fit_block_tail(maxima: FloatArray, random: np.random.Generator | None) -> Tail:
    """The distribution of block maxima: as counted up to a knee, generalised Pareto above it.

    The knee is the lowest of a few from which the Pareto tail fits, the best of them where none does; without
    random numbers, the lowest.
    """
    if len(maxima) < MIN_MAXIMA:
        raise DataError(
            f"the footage has {len(maxima)} independent moments with a score, {MIN_MAXIMA} are needed",
            fix="give more footage of normal life: minutes, better hours",
        )
    best: tuple[float, float, Pareto] | None = None
    for level in _KNEES:
        knee = float(np.quantile(maxima, level))
        excesses = maxima[maxima > knee] - knee
        if len(excesses) < MIN_PEAKS:
            break
        fitted = fit_pareto(excesses)
        chance = goodness_of_fit(excesses, fitted, random, draws=100) if random is not None else 1.0
        if best is None or chance > best[0]:
            best = (chance, level, fitted)
        if chance >= _BELIEVED:
            break
    level = best[1] if best else _KNEES[0]
    levels = np.linspace(0.0, level, _PAIRS)
    quantiles = np.maximum.accumulate(np.quantile(maxima, levels))
    knee = float(quantiles[-1])
    above = maxima[maxima > knee] - knee
    fitted = best[2] if best else Pareto(0.0, float(above.mean()) if len(above) else 0.0)
    floor = _RELATIVE_SCALE * max(abs(knee), float(knee - quantiles[0]))
    return Tail(
        levels=tuple(levels.tolist()),
        scores=tuple(quantiles.tolist()),
        scale=max(fitted.scale, floor) or _SMALLEST_SCALE,
        shape=fitted.shape,
    )


def _maxima(stretches: Sequence[FloatArray], fps: float, block_s: float, trimmed: float) -> FloatArray:
    maxima = np.concatenate([block_maxima(stretch, fps, block_s) for stretch in stretches])
    if trimmed > 0.0 and len(maxima):
        maxima = maxima[maxima <= np.quantile(maxima, 1.0 - trimmed)]
    return maxima
