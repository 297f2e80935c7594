"""Arms and disarms the cameras of a run as their schedules and people have it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from vad_edge.clock import RunClock, utc_now
from vad_edge.config.schedule import ScheduleConfig
from vad_edge.events.event import Event
from vad_edge.runtime.armed import ArmedFile
from vad_edge.runtime.arming import Arming, Asked
from vad_edge.runtime.schedule import Schedule
from vad_edge.runtime.station import Station

LOOK_EVERY_S: Final = 1.0


class ArmingDesk:
    """Holds each camera's `Arming` and looks at it once a second, on the loop's thread."""

    def __init__(
        self,
        stations: Sequence[Station],
        schedule: ScheduleConfig,
        file: ArmedFile,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stations = {station.name: station for station in stations}
        self._file = file
        self._now = now
        self._monotonic = monotonic
        self._looked_s = -math.inf
        self._armings = {
            name: Arming(Schedule(schedule, name), file.asked(name), now(), monotonic())
            for name in self._stations
        }
        for name, station in self._stations.items():
            station.guard = self._armings[name].look(now(), monotonic())

    def turn(self, clock: RunClock, *, site: str) -> list[Event]:
        """Arm and disarm what it is time for; the events that this brings."""
        if self._monotonic() - self._looked_s < LOOK_EVERY_S:
            return []
        self._looked_s = self._monotonic()
        events = [self._apply(station, clock, site) for station in self._stations.values()]
        return [event for event in events if event is not None]

    def ask(self, station: Station, armed: bool, clock: RunClock, *, site: str) -> Event | None:
        """Somebody arms or disarms; the event that clears the incident under way, if there is one."""
        self._armings[station.name].ask(armed, self._now())
        return self._apply(station, clock, site, told=True)

    def maintain(self, station: Station, minutes: int, clock: RunClock, *, site: str) -> Event | None:
        """Somebody will be at the camera for some minutes; the event as for `ask`."""
        self._armings[station.name].maintain(minutes, self._now(), self._monotonic())
        return self._apply(station, clock, site, told=True)

    def asked(self, station: Station) -> Asked:
        """What has been asked of a camera."""
        return self._armings[station.name].asked

    def remember(self, camera: str, asked: Asked) -> None:
        """Keep over restarts what was asked; from any one thread. Raises OSError."""
        self._file.remember(camera, asked)

    def _apply(self, station: Station, clock: RunClock, site: str, *, told: bool = False) -> Event | None:
        guard = self._armings[station.name].look(self._now(), self._monotonic())
        if guard == station.guard and not told:
            return None
        event = station.arm(guard, clock.now(), site=site, wall=clock.wall)
        station.publish_state(clock.wall)
        return event
