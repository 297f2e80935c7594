"""Scores of dependent frames to values that may be counted: one maximum for each correlation time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
