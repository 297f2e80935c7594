"""Carries out what is asked of the cameras over MQTT, without holding up the loop."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vad_edge.clock import RunClock
from vad_edge.common.retry import RateLimit
from vad_edge.config.site import Keeping
from vad_edge.errors import VadEdgeError
from vad_edge.events.event import Event
from vad_edge.events.incidents import Incidents
from vad_edge.health.conditions import HealthBoard
from vad_edge.mqtt.command import Command, CommandResult, done, refuse
from vad_edge.mqtt.publisher import CameraPublisher
from vad_edge.runtime.arming import Asked
from vad_edge.runtime.arming_control import ArmingControl
from vad_edge.runtime.camera import Station
from vad_edge.runtime.snapshot import photograph
from vad_edge.scoring.regions import Region
from vad_edge.video.frame import Frame

_log = logging.getLogger(__name__)

FRAME_WAIT_S = 5.0
SNAPSHOT_BURST, SNAPSHOT_EVERY_S = 3, 2.0
_CONDITIONS = ("command_retained", "command_storm", "command_malformed")


class CommandHandler:
    """Decides on the loop's thread, and does in a thread of its own what needs the disk or takes long.

    A camera's answers come in the order of its commands, but for a snapshot, which waits for a frame.
    """

    def __init__(
        self,
        stations: Sequence[Station],
        incidents: Incidents,
        arming: ArmingControl,
        health: HealthBoard,
        *,
        snapshots: bool,
        keeping: Keeping,
    ) -> None:
        self._stations = [station for station in stations if station.publisher is not None]
        self._incidents = incidents
        self._arming = arming
        self._health = health
        self._snapshots = snapshots
        self._keeping = keeping
        self._wanted: dict[str, tuple[Command, float]] = {}
        self._limits = {
            station.name: RateLimit(burst=SNAPSHOT_BURST, per_s=1 / SNAPSHOT_EVERY_S) for station in stations
        }
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)
        self._thread.start()

    def turn(self, clock: RunClock, *, site: str) -> list[Event]:
        """Carry out what has arrived; the events that this brings, for the store."""
        events = []
        for station in self._stations:
            publisher = cast(CameraPublisher, station.publisher)
            if publisher.inbox is None:
                continue
            for command in publisher.inbox.take():
                event = self._perform(station, publisher, command, clock, site)
                if event is not None:
                    events.append(event)
            self._give_up_waiting(station, publisher)
            self._note(station, publisher.inbox.conditions())
        return events

    def frame(
        self, station: Station, shown: Frame, heat: NDArray[np.float32] | None, event: Event | None
    ) -> None:
        """A frame has been dealt with: it is the picture of an event, or one that somebody waits for.

        shown has the camera's masks burned in; heat is its error map.
        """
        publisher = station.publisher
        if publisher is None or not self._snapshots or self._keeping == "none":
            return
        wanted = self._wanted.pop(station.name, None)
        at_event = event is not None and self._limits[station.name].allow(time.monotonic())
        if wanted is None and not at_event:
            return
        level, risk = station.machine.level, station.risk
        regions: tuple[Region, ...] = event.regions if event is not None else ()

        def work() -> None:
            picture = photograph(
                station.name, shown, heat, self._keeping, level=level, risk=risk, regions=regions
            )
            publisher.publish_snapshot(picture, event)
            if wanted is not None:
                publisher.publish_result(done(wanted[0]))

        self._jobs.put(work)

    def close(self) -> None:
        """Finish what has been begun."""
        self._jobs.put(None)
        self._thread.join()

    def _perform(
        self, station: Station, publisher: CameraPublisher, command: Command, clock: RunClock, site: str
    ) -> Event | None:
        event = None
        if command.command in ("arm", "disarm", "maintenance"):
            if command.minutes is not None:
                event = self._arming.maintain(station, command.minutes, clock, site=site)
            else:
                event = self._arming.ask(station, command.command == "arm", clock, site=site)
            asked = self._arming.asked(station)
            self._jobs.put(lambda: publisher.publish_result(self._remember(station.name, asked, command)))
            _log.info("camera %s: %s by %s", station.name, command.command, command.by or "somebody")
        elif command.command == "acknowledge":
            self._jobs.put(lambda: publisher.publish_result(self._acknowledge(station.name, command)))
        elif command.command == "snapshot":
            refusal = self._cannot_photograph(station, command)
            if refusal is None:
                self._wanted[station.name] = (command, time.monotonic())
            else:
                publisher.publish_result(refusal)
        else:
            reason = "a device calibrates itself where its site file asks for it, not on command"
            fix = "set hours in its [learning] table, or make a camera pack on the desktop"
            publisher.publish_result(refuse(command, f"not available: {reason}", fix))
        return event

    def _remember(self, camera: str, asked: Asked, command: Command) -> CommandResult:
        try:
            self._arming.remember(camera, asked)
        except OSError as error:
            done_so_far = {"arm": "armed", "disarm": "disarmed"}.get(command.command, "in maintenance")
            text = f"{done_so_far}, but a restart will not know it: {error.strerror or error}"
            self._health.raise_condition("armed_not_kept", camera, text)
            return refuse(command, text, "check the disk of the device")
        self._health.clear_condition("armed_not_kept", camera)
        return done(command)

    def _acknowledge(self, camera: str, command: Command) -> CommandResult:
        try:
            incident = command.incident
            if incident is None:
                newest = self._incidents.find(camera=camera, limit=1)
                if not newest:
                    return refuse(command, "this camera has had no incident yet")
                incident = newest[-1].id
            else:
                incident = self._incidents.get(incident).id
            if command.verdict is not None:
                self._incidents.acknowledge(incident, command.verdict, by=command.by or "mqtt")
        except VadEdgeError as error:
            return refuse(command, f"{error.where}: {error.what}" if error.where else error.what, error.fix)
        return done(command, incident)

    def _cannot_photograph(self, station: Station, command: Command) -> CommandResult | None:
        if not self._snapshots:
            reason, fix = "snapshots are switched off", "set broker.snapshots = true in the site file"
        elif self._keeping == "none":
            reason, fix = "nothing of the scene may be shown", "change privacy.evidence in the site file"
        elif station.reader is None:
            reason, fix = "there is no camera, only sensors", ""
        elif station.reader.error is not None:
            reason, fix = f"the camera gives no picture: {station.reader.error}", "mend the camera"
        elif station.name in self._wanted:
            reason, fix = "another snapshot is on its way", ""
        else:
            return None
        return refuse(command, reason, fix)

    def _give_up_waiting(self, station: Station, publisher: CameraPublisher) -> None:
        command, since_s = self._wanted.get(station.name, (None, 0.0))
        if command is not None and time.monotonic() - since_s > FRAME_WAIT_S:
            del self._wanted[station.name]
            publisher.publish_result(refuse(command, f"no frame came within {FRAME_WAIT_S:g} s"))

    def _note(self, station: Station, found: dict[str, str]) -> None:
        for code in _CONDITIONS:
            if code in found:
                self._health.raise_condition(code, station.name, found[code])
            else:
                self._health.clear_condition(code, station.name)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # a picture or answer less; the next one may go well
                _log.exception("a command could not be carried out")
