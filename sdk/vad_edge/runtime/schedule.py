"""Whether a camera's schedule has it armed at some moment."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from vad_edge.config.schedule import DAYS, ArmedConfig, Day, ScheduleConfig

REMEMBERED: Final = timedelta(days=8)
"""A week and a day: within it every schedule has changed that ever does, but for holidays."""


class Schedule:
    """The times of one camera; pure: knows no clock."""

    def __init__(self, config: ScheduleConfig, camera: str) -> None:
        self._zone = ZoneInfo(config.timezone)
        self._holidays = frozenset(config.holidays)
        self._times = [each for each in config.armed if not each.cameras or camera in each.cameras]

    def __bool__(self) -> bool:
        """Whether there is any time for this camera."""
        return bool(self._times)

    def armed(self, at: datetime) -> bool:
        """Whether the camera is armed at `at`, an aware time.

        Local clocks decide: an hour that daylight saving leaves out is left out, one that comes twice counts
        twice. True where there is no time for this camera.
        """
        if not self._times:
            return True
        local = at.astimezone(self._zone)
        today, minute = local.date(), 60 * local.hour + local.minute
        day, before = self._day(today), self._day(today - timedelta(days=1))
        return any(_covers(each, day, before, minute) for each in self._times)

    def changed(self, since: datetime, until: datetime) -> bool:
        """Whether it has armed or disarmed the camera between two moments, to the minute."""
        if not self._times or until <= since:
            return False
        moment = max(since, until - REMEMBERED)
        first = self.armed(moment)
        while moment < until:
            if self.armed(moment) != first:
                return True
            moment += timedelta(minutes=1)
        return self.armed(until) != first

    def _day(self, day: date) -> Day:
        return "holiday" if day in self._holidays else DAYS[day.weekday()]


def _covers(time: ArmedConfig, day: Day, before: Day, minute: int) -> bool:
    begin, end = _minutes(time.begin), _minutes(time.end)
    if begin < end:
        return day in time.days and begin <= minute < end
    return (day in time.days and minute >= begin) or (before in time.days and minute < end)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return 60 * int(hours) + int(minutes)
