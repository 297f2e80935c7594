"""A first idea of what is normal for one stream, learned while it runs.

Every reading is learned, those around an incident included: a long disturbance becomes normal. A fault
that lasts is the staleness check's and the range check's business, not the baseline's.
"""

from __future__ import annotations

import math
from typing import Protocol

from vad_edge.config.site import SensorConfig

SURPRISE_CAP = 6.0

_WARMUP_READINGS = 20
_MEMORY_READINGS = 300
_SMALLEST_SPREAD = 0.01  # of the mean's size: a stream that never moved still has a resolution
_LARGEST_VALUE = 1e150  # differences of larger ones could overflow
_PRIOR_ONSETS = 1.0
_PRIOR_S = 3600.0


class Baseline(Protocol):
    """Learns one stream and says how rare each reading was when it came."""

    def update(self, value: float, time_s: float) -> float:
        """Learn a reading; returns its surprise against what was known before, 0 to `SURPRISE_CAP`."""
        ...


class AnalogBaseline:
    """Exponentially weighted mean and mean absolute deviation; surprise is a two-sided Laplace tail.

    The first `warmup` readings are learned with equal weight and surprise nobody.
    """

    def __init__(self, warmup: int = _WARMUP_READINGS, memory: int = _MEMORY_READINGS) -> None:
        self._warmup = warmup
        self._memory = memory
        self._count = 0
        self._mean = 0.0
        self._deviation = 0.0

    def update(self, value: float, time_s: float) -> float:
        """Learn `value`; returns its surprise."""
        value = min(max(value, -_LARGEST_VALUE), _LARGEST_VALUE)
        distance = abs(value - self._mean)
        surprise = 0.0
        if self._count >= self._warmup:
            spread = max(self._deviation, _SMALLEST_SPREAD * abs(self._mean), 1e-9)
            surprise = min(distance / spread / math.log(10), SURPRISE_CAP)
        self._count += 1
        rate = 1 / min(self._count, self._memory)
        if self._count > 1:
            self._deviation += (distance - self._deviation) / min(self._count - 1, self._memory)
        self._mean += rate * (value - self._mean)
        return surprise


class BinaryBaseline:
    """How often a stream turns on; an onset's surprise is the chance of one within `hold_s`.

    The rate starts from a prior of one onset an hour, worth an hour of watching. A stream that is on when
    first heard has not turned on.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._onsets = 0
        self._first_s: float | None = None
        self._was_on = True

    def update(self, value: float, time_s: float) -> float:
        """Learn `value`; returns the surprise of an onset, 0 for every other reading."""
        if self._first_s is None:
            self._first_s = time_s
        is_on = value > 0.5
        surprise = 0.0
        if is_on and not self._was_on:
            watched_s = max(time_s - self._first_s, 0.0)
            rate = (_PRIOR_ONSETS + self._onsets) / (_PRIOR_S + watched_s)
            chance = -math.expm1(-rate * self._hold_s)
            surprise = min(max(-math.log10(chance), 0.0), SURPRISE_CAP) if chance > 0 else SURPRISE_CAP
            self._onsets += 1
        self._was_on = is_on
        return surprise


def new_baseline(config: SensorConfig) -> Baseline:
    """The baseline for a stream of `config.kind`, knowing nothing yet."""
    return BinaryBaseline(config.hold_s) if config.kind == "binary" else AnalogBaseline()


def decayed(surprise: float, age_s: float, hold_s: float) -> float:
    """What is left of a surprise `age_s` later: it falls in a straight line to 0 at `hold_s`."""
    return surprise * min(max(1 - age_s / hold_s, 0.0), 1.0)
