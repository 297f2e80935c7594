"""Which frames of a source the model sees: its own rate, whatever the source gives."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

EARLY = 0.25
"""Share of a period a frame may come before its tick and still count for it: cameras jitter."""


MEASURED_S: Final = 10.0
LEAST_MEASURED_S: Final = 3.0


class RateMeter:
    """The rate at which frames came in the last `MEASURED_S` seconds, by their own times."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, time_s: float) -> None:
        """Count a frame taken at `time_s`."""
        self._times.append(time_s)
        while time_s - self._times[0] > MEASURED_S:
            self._times.popleft()

    @property
    def fps(self) -> float | None:
        """Frames a second; None before there are `LEAST_MEASURED_S` seconds of them."""
        times = self._times
        span_s = times[-1] - times[0] if times else 0.0
        return (len(times) - 1) / span_s if span_s >= LEAST_MEASURED_S else None


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a frame is for the model, and whether too much time has passed since the last one that was."""

    take: bool
    gap: bool = False


class FrameRateGate:
    """Takes the first frame at or after each tick of a fixed grid of `fps` ticks a second.

    The grid starts at the first frame and does not drift. A source slower than `fps` has all its frames
    taken. After more than `max_gap_s` without a frame taken, the next one says so and starts a new grid.
    """

    def __init__(self, fps: float, max_gap_s: float) -> None:
        self._fps = fps
        self._max_gap_s = max_gap_s
        self._start_s = math.nan
        self._tick = -1
        self._last_s = -math.inf

    def admit(self, time_s: float) -> Admission:
        """Decide about a frame taken at `time_s`; a frame older than the last one is left out."""
        if time_s < self._last_s:
            return Admission(take=False)
        gap = time_s - self._last_s > self._max_gap_s
        if gap:
            first = math.isinf(self._last_s)
            self._start_s, self._tick, self._last_s = time_s, 0, time_s
            return Admission(take=True, gap=not first)
        tick = math.floor((time_s - self._start_s) * self._fps + EARLY)
        if tick <= self._tick:
            return Admission(take=False)
        self._tick, self._last_s = tick, time_s
        return Admission(take=True)
