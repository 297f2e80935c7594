"""Whether life still scores as it did when the camera was calibrated."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

BIN_S: Final = 3600.0
DAY_BINS: Final = 24
"""Hours of scores that are compared: an hour alone is busy or quiet, a day is like the others."""
SOON_BINS: Final = 3
WEEK_BINS: Final = 168
"""A day may be a holiday without people: what is missing is missed after a week."""

_HIGH: Final = 1.0
"""Surprise that one stretch in ten of the calibration's had."""
_GAP_S: Final = 1.0
LOUD: Final = 0.3
"""Share of a day's stretches above the one in ten that is drift."""
LOUD_SOON: Final = 0.6
"""The same of some hours: more than the busiest hour of a lived-in room has."""
QUIET: Final = 0.01
"""Share of a week's, below which the camera sees less than it did."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How life has changed against the calibration: the share of its stretches that were one in ten there."""

    kind: Literal["louder", "quieter"]
    share: float
    hours: int

    def __str__(self) -> str:
        what = "more surprising" if self.kind == "louder" else "calmer"
        return (
            f"life is {what} than what the camera was calibrated on: what one stretch in ten was there,"
            f" {self.share:.1%} of the last {self.hours} h are; calibrate it again on newer footage"
        )


@dataclass(slots=True)
class _Bin:
    blocks: int = 0
    high: int = 0


class DriftWatch:
    """Counts how many stretches of block_s exceed what the calibration's did, over hours, a day, a week.

    Time counts while there are scores. The limits are far from what real days showed (docs/early-warning.md).
    """

    def __init__(self, block_s: float) -> None:
        self._block_s = block_s
        self._bins: deque[_Bin] = deque(maxlen=WEEK_BINS)
        self._open = _Bin()
        self._last_s: float | None = None
        self._length_s = 0.0
        self._peak = 0.0
        self.found: Drift | None = None

    def see(self, time_s: float, surprise: float) -> None:
        """Take up the total surprise of a scored frame; the time between two frames counts up to a second."""
        if self._last_s is not None:
            self._length_s += min(max(time_s - self._last_s, 0.0), _GAP_S)
        self._last_s = time_s
        self._peak = max(self._peak, surprise)
        if self._length_s < self._block_s:
            return
        self._open.blocks += 1
        self._open.high += self._peak >= _HIGH
        self._length_s, self._peak = 0.0, 0.0
        if self._open.blocks * self._block_s >= BIN_S:
            self._bins.append(self._open)
            self._open = _Bin()
            self.found = self._compare()

    def _compare(self) -> Drift | None:
        for hours, limit in ((SOON_BINS, LOUD_SOON), (DAY_BINS, LOUD)):
            if (share := self._share(hours)) is not None and share > limit:
                return Drift("louder", share, hours)
        if (share := self._share(WEEK_BINS)) is not None and share < QUIET:
            return Drift("quieter", share, WEEK_BINS)
        return None

    def _share(self, hours: int) -> float | None:
        """The share of high stretches of the last hours; None where there are fewer."""
        if len(self._bins) < hours:
            return None
        last = [self._bins[-1 - place] for place in range(hours)]
        return sum(each.high for each in last) / sum(each.blocks for each in last)
