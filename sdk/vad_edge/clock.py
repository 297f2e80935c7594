"""The run clock: one notion of time for frames, sensors and decisions of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol

SET_S: Final = 0.5
"""A wall clock that is off by more was set: where a service slews it, monotonic time goes along."""

_QUICK_S: Final = 0.05
_KEPT_SETTINGS: Final = 16
_LATE_S: Final = 60.0
"""A frame may be that much older than the moment it is decided on."""


def utc_now() -> datetime:
    """The wall time, in UTC."""
    return datetime.now(timezone.utc)


def age_s(stamp: datetime) -> float:
    """Seconds since a wall time by the machine's clock as it stands, negative for the future."""
    return (utc_now() - stamp).total_seconds()


class RunClock(Protocol):
    """Seconds since the run began, and the wall time they stand for."""

    @property
    def is_media(self) -> bool:
        """True when time is that of a recording, so that a run may go faster than life."""
        ...

    @property
    def knows_time_of_day(self) -> bool:
        """False for a recording whose beginning is not known."""
        ...

    def now(self) -> float:
        """Seconds since the run began."""
        ...

    def wall(self, time_s: float) -> datetime:
        """The UTC wall time of `time_s`, for stamps only: no decision is made on it."""
        ...

    def age_s(self, stamp: datetime) -> float:
        """Seconds since a wall time that `wall` gave."""
        ...


class LiveClock:
    """Monotonic time since construction; its wall times are those of a clock that may be set meanwhile.

    monotonic and wall are the machine's, in seconds and in UTC.
    """

    is_media = False
    knows_time_of_day = True

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = utc_now,
    ) -> None:
        self._monotonic, self._machine_wall = monotonic, wall
        self._start_s = monotonic()
        # Since when, and which wall time run time 0 had by the clock as it stood from then on; newest last.
        self._settings: tuple[tuple[float, datetime], ...] = ((0.0, wall()),)

    def now(self) -> float:
        """Seconds since the run began; never goes back, whatever happens to the wall clock."""
        return self._monotonic() - self._start_s

    def wall(self, time_s: float) -> datetime:
        """The UTC wall time of `time_s`, by the clock as it stood at the last `follow`."""
        return self._settings[-1][1] + timedelta(seconds=time_s)

    def follow(self) -> float:
        """Take up the machine's wall clock if it was set; by how many seconds it was, 0 if it was not.

        Called now and then by one thread. Less than `SET_S` is left, and so is a look that took long.
        """
        before_s = self.now()
        wall = self._machine_wall()
        now_s = self.now()
        set_s = (wall - self.wall(now_s)).total_seconds()
        if abs(set_s) < SET_S or now_s - before_s > _QUICK_S:
            return 0.0
        self._settings = (*self._settings, (now_s, wall - timedelta(seconds=now_s)))[-_KEPT_SETTINGS:]
        return set_s

    def age_s(self, stamp: datetime) -> float:
        """Seconds since a wall time that this clock gave, however the wall clock was set since.

        Of others, as those of an earlier run, by the clock as it stands now; negative for the future.
        """
        now_s = ends_s = self.now()
        for since_s, zero in reversed(self._settings):
            time_s = (stamp - zero).total_seconds()
            if since_s - _LATE_S <= time_s <= ends_s + _LATE_S:
                return now_s - time_s
            ends_s = since_s
        return (self.wall(now_s) - stamp).total_seconds()


class MediaClock:
    """The time of a recording: it stands where the last frame stood.

    `start` is the wall time of the recording's first frame; the run's own start where it is unknown, and then
    nothing may depend on the time of day.
    """

    is_media = True

    def __init__(self, start: datetime | None = None) -> None:
        self.knows_time_of_day = start is not None
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

    def age_s(self, stamp: datetime) -> float:
        """Seconds from a wall time to that of the newest frame."""
        return (self.wall(self._now_s) - stamp).total_seconds()


def utc_stamp(time: datetime) -> str:
    """A time as messages carry it: UTC, to the millisecond.

    >>> utc_stamp(datetime(2026, 3, 1, 12, tzinfo=timezone.utc))
    '2026-03-01T12:00:00.000Z'
    """
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
