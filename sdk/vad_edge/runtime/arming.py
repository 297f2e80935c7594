"""Whether a camera is armed: its schedule, what somebody asked since, and maintenance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from vad_edge.runtime.schedule import Schedule

ArmedBy = Literal["schedule", "command", "maintenance"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a camera, as it is kept over restarts.

    armed was asked at `at`; None where nobody asked. Maintenance lasts until maintenance_until, and in one
    run never longer than maintenance_minutes.
    """

    armed: bool | None = None
    at: datetime | None = None
    maintenance_until: datetime | None = None
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
        """Somebody arms or disarms; that ends a maintenance."""
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
