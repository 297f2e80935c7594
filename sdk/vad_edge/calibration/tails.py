"""Scores of normal life to the tails of a camera pack: every cue's surprise, and the joint one's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining, Tail
from vad_edge.calibration.blocks import FloatArray, block_maxima
from vad_edge.calibration.pareto import MIN_PEAKS, Pareto, fit_pareto, goodness_of_fit
from vad_edge.errors import DataError
from vad_edge.scoring.joining import joint_surprise

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
    seed: int = 0,
    joining: Joining = SUM_OF_ALL,
) -> Calibration:
    """The surprise of each cue and of their joint, from the maxima of blocks of normal life. Needs scipy.

    stretches are uninterrupted scores, (T, K) each, one row a frame at `fps`, NaN where there is none. The
    joint of the cues' surprises is calibrated as a whole: cues that rise together count once.
    trimmed is the share of the highest maxima that is not learned from, where some may be abnormal. Raises
    DataError for less than `MIN_MAXIMA` blocks.
    """
    random = np.random.default_rng(seed) if trimmed == 0.0 else None
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
