"""The run clock: one notion of time for frames, sensors and decisions of a run."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Protocol


class RunClock(Protocol):
    """Seconds since the run began, and the wall time they stand for."""

    @property
    def is_media(self) -> bool:
        """True when time is that of a recording, so that a run may go faster than life."""
        ...

    def now(self) -> float:
        """Seconds since the run began."""
        ...

    def wall(self, time_s: float) -> datetime:
        """The UTC wall time of `time_s`, for stamps only: no decision is made on it."""
        ...


class LiveClock:
    """Monotonic time since construction."""

    is_media = False

    def __init__(self) -> None:
        self._start_s = time.monotonic()
        self._start_wall = datetime.now(timezone.utc)

    def now(self) -> float:
        """Seconds since the run began; never goes back, whatever happens to the wall clock."""
        return time.monotonic() - self._start_s

    def wall(self, time_s: float) -> datetime:
        """The UTC wall time of `time_s`."""
        return self._start_wall + timedelta(seconds=time_s)


class MediaClock:
    """The time of a recording: it stands where the last frame stood.

    `start` is the wall time of the recording's first frame; the run's own start where it is unknown.
    """

    is_media = True

    def __init__(self, start: datetime | None = None) -> None:
        self._now_s = 0.0
        self._start_wall = start or datetime.now(timezone.utc)

    def advance(self, time_s: float) -> None:
        """Move to `time_s`; an earlier time leaves the clock where it is."""
        self._now_s = max(self._now_s, time_s)

    def now(self) -> float:
        """Media time of the newest frame, in seconds."""
        return self._now_s

    def wall(self, time_s: float) -> datetime:
        """The UTC wall time of `time_s`."""
        return self._start_wall + timedelta(seconds=time_s)


def utc_now() -> datetime:
    """The wall time, in UTC."""
    return datetime.now(timezone.utc)


def utc_stamp(time: datetime) -> str:
    """A time as messages carry it: UTC, to the millisecond.

    >>> utc_stamp(datetime(2026, 3, 1, 12, tzinfo=timezone.utc))
    '2026-03-01T12:00:00.000Z'
    """
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
