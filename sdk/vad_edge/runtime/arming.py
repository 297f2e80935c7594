"""Whether a camera is armed: its schedule, what was asked since, and maintenance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

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


ArmedBy = Literal["schedule", "command", "maintenance"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a camera, as it is kept over restarts.

    armed was asked at `at`; None where nothing was asked. Maintenance lasts until maintenance_until, and in
    one run never longer than maintenance_minutes.
    """

    armed: bool | None = None
    at: AwareDatetime | None = None
    maintenance_until: AwareDatetime | None = None
    maintenance_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether a camera is armed, who has decided that, and until when maintenance lasts."""

    armed: bool
    by: ArmedBy
    until: datetime | None = None


class Arming:
    """Decides for one camera; knows no clock.

    `now` is wall time, which may jump; run_s is seconds of a clock that does not. What was asked holds until
    the schedule next arms or disarms, for good where there is none. Maintenance disarms for some minutes by
    the clock that does not jump, then the camera is as its schedule and what was asked have it. After a
    restart only wall time says how much of it is left: where that is behind, all of it.
    """

    def __init__(self, schedule: Schedule, asked: Asked, now: datetime, run_s: float) -> None:
        self._schedule = schedule
        self.asked = asked
        if asked.at is not None and schedule and schedule.changed(asked.at, now):
            self.asked = replace(asked, armed=None, at=None)
        self._scheduled = schedule.armed(now)
        self._maintained_until_s: float | None = None
        if asked.maintenance_until is not None:
            most_s = 60.0 * asked.maintenance_minutes
            left_s = min((asked.maintenance_until - now).total_seconds(), most_s)
            self._maintained_until_s = run_s + left_s

    def ask(self, armed: bool, now: datetime) -> None:
        """Arm or disarm as asked; that ends a maintenance."""
        self._maintained_until_s = None
        self.asked = Asked(armed, now)

    def maintain(self, minutes: int, now: datetime, run_s: float) -> None:
        """Disarm for so many minutes from now."""
        self._maintained_until_s = run_s + 60.0 * minutes
        until = now + timedelta(minutes=minutes)
        self.asked = replace(self.asked, maintenance_until=until, maintenance_minutes=minutes)

    def look(self, now: datetime, run_s: float) -> Guard:
        """Whether the camera is armed now; to be asked again and again, at least every minute."""
        scheduled = self._schedule.armed(now)
        if scheduled != self._scheduled:
            self._scheduled = scheduled
            self.asked = replace(self.asked, armed=None, at=None)
        if self._maintained_until_s is not None:
            if run_s < self._maintained_until_s:
                return Guard(False, "maintenance", self.asked.maintenance_until)
            self._maintained_until_s = None
            self.asked = replace(self.asked, maintenance_until=None, maintenance_minutes=0)
        if self.asked.armed is not None:
            return Guard(self.asked.armed, "command")
        return Guard(scheduled, "schedule")
