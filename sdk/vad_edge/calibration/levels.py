"""How often normal life reaches each level of risk, and which levels keep a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.calibration.pareto import MIN_PEAKS, Pareto, fit_pareto, fit_surprises, goodness_of_fit
from vad_edge.calibration.policy_replay import PolicyReplay, incidents_at, peaks_above
from vad_edge.calibration.tails import FloatArray
from vad_edge.config.site import PolicyConfig
from vad_edge.errors import DataError
from vad_edge.fusion.policy import WARNING_TIMES, WATCH_TIMES, rising

REACH: Final = 2.0
"""How many times the length of the footage the fitted tail is trusted for."""
COUNTED: Final = 3.0
"""Incidents a budget must allow within the footage for a count to say anything about it."""
CONFIDENCE: Final = 0.9

_REPLICATES: Final = 200
_CHUNKS: Final = 24
_LONGEST_CHUNK_S: Final = 3600.0
_GRID: Final = 60
_TAIL_PEAKS: Final = (100, 60, 40, 25, 15, MIN_PEAKS)
_BELIEVED: Final = 0.05


@dataclass(frozen=True, slots=True)
class LevelFit:
    """How often each level comes on normal footage, by count and, above `threshold`, by its tail.

    rates_per_hour falls and `likely` and `upper` rise: the level each rate belongs to, as fitted, and the
    one that `CONFIDENCE` of the bootstrap's replicates stay below. counted_levels and counted_rates are the
    footage's own. peaks are those of the incidents above the threshold. fit_chance is the goodness of fit,
    None where there were too few peaks for a tail. backed_per_hour is the smallest rate the footage can
    answer for.
    """

    rates_per_hour: FloatArray
    likely: FloatArray
    upper: FloatArray
    counted_levels: FloatArray
    counted_rates: FloatArray
    threshold: float
    tail: Pareto | None
    fit_chance: float | None
    peaks: FloatArray
    armed_s: float
    backed_per_hour: float

    def level(self, per_hour: float) -> float:
        """The level that comes at most so often; beyond the ends of what was fitted, the nearest."""
        rates = np.log(self.rates_per_hour[::-1])
        return float(np.interp(np.log(per_hour), rates, self.upper[::-1]))


def fit_levels(
    replay: PolicyReplay, policy: PolicyConfig, *, accumulated: bool = False, seed: int = 0
) -> LevelFit:
    """Learn from the risk of normal life how often each level would have been announced. Needs scipy.

    The tail is exponential and not far from what a surprise should have: a risk is made of logarithms of
    how rare something is, and a shape that is estimated from some dozens of peaks is noise that each step
    outwards multiplies. With accumulated, evidence that was added up over blocks of time, it is a Pareto tail
    of any shape. Raises DataError for a risk that never moves, or that never makes an incident.
    """
    random = np.random.default_rng(seed)
    fit = fit_pareto if accumulated else fit_surprises
    held = replay.persistent(policy)
    counted = _count(replay, held, policy)
    hours = replay.armed_s / 3600.0
    totals = counted.by_chunk.sum(axis=0)
    threshold, tail, chance = _tail(replay, held, policy, counted, random, fit)
    trusted = REACH * hours if tail is not None and (chance or 0.0) >= _BELIEVED else hours / COUNTED
    lowest = 1.0 / (10.0 * REACH * hours)
    rates = np.geomspace(totals.max() / hours, lowest, _GRID)
    peaks = peaks_above(replay, held, threshold, policy)
    chunk = counted.chunk_of[peaks.begins]
    likely = _levels_for(rates, counted, np.ones(counted.chunks), peaks.peaks, threshold, tail, hours)
    drawn = np.empty((_REPLICATES, len(rates)))
    for number in range(_REPLICATES):
        weights = np.bincount(random.integers(0, counted.chunks, counted.chunks), minlength=counted.chunks)
        sample = np.repeat(peaks.peaks, weights[chunk])
        refitted = fit(_excesses(sample, threshold)) if tail and len(sample) else tail
        drawn[number] = _levels_for(rates, counted, weights, sample, threshold, refitted, hours)
    upper = np.maximum.accumulate(np.maximum(np.quantile(drawn, CONFIDENCE, axis=0), likely))
    return LevelFit(
        rates_per_hour=rates,
        likely=likely,
        upper=upper,
        counted_levels=counted.levels,
        counted_rates=totals / hours,
        threshold=threshold,
        tail=tail,
        fit_chance=chance,
        peaks=peaks.peaks,
        armed_s=replay.armed_s,
        backed_per_hour=1.0 / trusted,
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """How many incidents begin in each chunk of the footage at each level: by_chunk is (C, G)."""

    levels: FloatArray
    by_chunk: NDArray[np.float64]
    chunk_of: NDArray[np.intp]

    @property
    def chunks(self) -> int:
        return len(self.by_chunk)


def _count(replay: PolicyReplay, held: FloatArray, policy: PolicyConfig) -> _Counted:
    finite = held[np.isfinite(held)]
    if len(finite) < 2 or float(np.ptp(finite)) <= 0.0:
        raise DataError(
            "the risk of this footage never changes, so nothing can be learned from it",
            fix="give footage that shows the scene's life; is the camera frozen or covered?",
        )
    share = np.concatenate([np.linspace(0.5, 0.05, 16), np.geomspace(0.05, 1.0 / len(finite), 48)])
    levels = np.unique(np.quantile(finite, 1.0 - share))
    chunk_s = min(replay.armed_s / _CHUNKS, _LONGEST_CHUNK_S)
    seen_s = np.arange(len(held)) * (replay.armed_s / len(held))
    chunk_of = np.minimum(seen_s // chunk_s, replay.armed_s // chunk_s - 1).astype(np.intp)
    chunks = int(chunk_of[-1]) + 1
    by_chunk = np.stack(
        [
            np.bincount(chunk_of[incidents_at(replay, held, level, policy).begins], minlength=chunks)
            for level in levels
        ],
        axis=1,
    ).astype(np.float64)
    # Below the level that comes most often incidents only melt into each other.
    lowest = int(by_chunk.sum(axis=0).argmax())
    return _Counted(levels[lowest:], by_chunk[:, lowest:], chunk_of)


def _tail(
    replay: PolicyReplay,
    held: FloatArray,
    policy: PolicyConfig,
    counted: _Counted,
    random: np.random.Generator,
    fit: Callable[[ArrayLike], Pareto],
) -> tuple[float, Pareto | None, float | None]:
    """The lowest threshold above which the peaks follow the distribution that `fit` makes of them."""
    totals = counted.by_chunk.sum(axis=0)
    best: tuple[float, Pareto | None, float | None] = (float(counted.levels[-1]), None, None)
    for wanted in _TAIL_PEAKS:
        fitting = np.flatnonzero(totals >= wanted)
        if not len(fitting):
            continue
        threshold = float(counted.levels[fitting[-1]])
        excesses = _excesses(peaks_above(replay, held, threshold, policy).peaks, threshold)
        fitted = fit(excesses)
        chance = goodness_of_fit(excesses, fitted, random, fit=fit)
        if best[2] is None or chance > best[2]:
            best = (threshold, fitted, chance)
        if chance >= _BELIEVED:
            break
    return best


def _excesses(peaks: FloatArray, threshold: float) -> FloatArray:
    return np.maximum(peaks - threshold, 1e-9)


def _levels_for(
    rates: FloatArray,
    counted: _Counted,
    weights: NDArray[np.float64] | NDArray[np.intp],
    peaks: FloatArray,
    threshold: float,
    tail: Pareto | None,
    hours: float,
) -> FloatArray:
    """The level of each rate: counted where the footage has enough, by the tail above the threshold.

    A tail that fits on the whole can still lie below what was counted: where `COUNTED` incidents or more
    were, the level is not lower than theirs.
    """
    totals = np.maximum.accumulate((weights @ counted.by_chunk)[::-1])[::-1]
    there = totals > 0
    if not there.any():
        return np.full(len(rates), counted.levels[0])
    per_hour = totals[there] / hours
    levels = np.interp(np.log(rates), np.log(per_hour[::-1]), counted.levels[there][::-1])
    above = len(peaks) / hours
    rare = rates < above
    if tail is None or not rare.any():
        return levels
    seen = np.where(rates * hours >= COUNTED, levels, -np.inf)
    levels[rare] = np.maximum(threshold + tail.excess(rates[rare] / above), seen[rare])
    return np.maximum.accumulate(levels)


def keep_budget(fit: LevelFit, policy: PolicyConfig, budget: AlarmBudget, cameras: int) -> AlarmLevels:
    """The levels that keep a camera's share of `budget`, or of the smallest budget the footage backs."""
    share = budget.share(cameras)
    kept = share
    if share.per_hour < fit.backed_per_hour * (1.0 - 1e-9):
        kept = AlarmBudget.from_rate(fit.backed_per_hour)
    watch, warning, alarm = rising(
        *(fit.level(times * kept.per_hour) for times in (WATCH_TIMES, WARNING_TIMES, 1.0)),
        hysteresis=policy.hysteresis,
    )
    return AlarmLevels(
        asked=str(budget),
        kept=str(kept),
        cameras=cameras,
        watch=watch,
        warning=warning,
        alarm=alarm,
        hysteresis=policy.hysteresis,
        dwell_s=policy.dwell_s,
        clear_s=policy.clear_s,
        cooldown_s=policy.cooldown_s,
        smoothing_s=policy.smoothing_s,
        persistence=policy.persistence or (1, 1),
        rates_per_hour=tuple(fit.rates_per_hour.tolist()),
        risks=tuple(fit.upper.tolist()),
        backed_per_hour=fit.backed_per_hour,
        armed_s=fit.armed_s,
        needed_s=fit.armed_s * fit.backed_per_hour / share.per_hour,
        fit_chance=fit.fit_chance,
    )
