"""Carries out what is asked of the cameras over MQTT, without holding up the loop."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from vad_edge.common.retry import RateLimit
from vad_edge.errors import VadEdgeError
from vad_edge.events.incidents import Incidents
from vad_edge.health.conditions import Condition
from vad_edge.mqtt.command import Command, CommandResult, done, refuse
from vad_edge.mqtt.publisher import CameraPublisher
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.arming import Asked
from vad_edge.runtime.arming_control import ArmingControl
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component
from vad_edge.runtime.context import RunContext
from vad_edge.runtime.snapshot import photograph
from vad_edge.scoring.regions import Region

_log = logging.getLogger(__name__)

FRAME_WAIT_S = 5.0
SNAPSHOT_BURST, SNAPSHOT_EVERY_S = 3, 2.0
_CONDITIONS = (Condition.COMMAND_RETAINED, Condition.COMMAND_STORM, Condition.COMMAND_MALFORMED)


class CommandHandler(Component):
    """Decides on the loop's thread, and does in a thread of its own what needs the disk or takes long.

    A camera's answers come in the order of its commands, but for a snapshot, which waits for a frame.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        incidents: Incidents,
        arming: ArmingControl,
        context: RunContext,
    ) -> None:
        self._cameras = {camera.name: camera for camera in cameras if camera.publisher is not None}
        self._incidents = incidents
        self._arming = arming
        self._health = context.health
        self._snapshots = context.site.broker.snapshots
        self._keeping = context.site.privacy.evidence
        self._wanted: dict[str, tuple[Command, float]] = {}
        self._limits = {
            camera.name: RateLimit(burst=SNAPSHOT_BURST, per_s=1 / SNAPSHOT_EVERY_S) for camera in cameras
        }
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)
        self._thread.start()

    def on_tick(self, now: float) -> None:
        """Carry out what has arrived."""
        for camera in self._cameras.values():
            publisher = cast(CameraPublisher, camera.publisher)
            if publisher.inbox is None:
                continue
            for command in publisher.inbox.take():
                self._perform(camera, publisher, command)
            self._give_up_waiting(camera, publisher)
            self._note(camera, publisher.inbox.conditions())

    def on_frame(self, result: FrameResult) -> None:
        """Publish the frame where it is the picture of an event, or one that was asked for."""
        camera = self._cameras.get(result.camera)
        if camera is None or result.scored is None or not self._snapshots or self._keeping == "none":
            return
        publisher = cast(CameraPublisher, camera.publisher)
        event = result.events[0] if result.events else None
        wanted = self._wanted.pop(camera.name, None)
        at_event = event is not None and self._limits[camera.name].allow(time.monotonic())
        if wanted is None and not at_event:
            return
        regions: tuple[Region, ...] = event.regions if event is not None else ()

        def work() -> None:
            picture = photograph(
                result.camera, result.frame, result.heat, self._keeping,
                level=result.level, risk=result.fused, regions=regions,
            )  # fmt: skip
            publisher.publish_snapshot(picture, event)
            if wanted is not None:
                publisher.publish_result(done(wanted[0]))

        self._jobs.put(work)

    def close(self) -> None:
        """Finish what has been begun."""
        self._jobs.put(None)
        self._thread.join()

    def _perform(self, camera: Camera, publisher: CameraPublisher, command: Command) -> None:
        if command.command in ("arm", "disarm", "maintenance"):
            if command.minutes is not None:
                self._arming.maintain(camera, command.minutes)
            else:
                self._arming.ask(camera, command.command == "arm")
            asked = self._arming.asked(camera)
            self._jobs.put(lambda: publisher.publish_result(self._remember(camera.name, asked, command)))
            _log.info("camera %s: %s by %s", camera.name, command.command, command.by or "a client")
        elif command.command == "acknowledge":
            camera.acknowledge(command.incident)
            self._jobs.put(lambda: publisher.publish_result(self._acknowledge(camera.name, command)))
        elif command.command == "snapshot":
            refusal = self._cannot_photograph(camera, command)
            if refusal is None:
                self._wanted[camera.name] = (command, time.monotonic())
            else:
                publisher.publish_result(refusal)
        else:
            reason = "a device calibrates itself where its site file asks for it, not on command"
            fix = "set hours in its [learning] table, or make a camera pack on the desktop"
            publisher.publish_result(refuse(command, f"not available: {reason}", fix))

    def _remember(self, camera: str, asked: Asked, command: Command) -> CommandResult:
        try:
            self._arming.remember(camera, asked)
        except OSError as error:
            done_so_far = {"arm": "armed", "disarm": "disarmed"}.get(command.command, "in maintenance")
            text = f"{done_so_far}, but a restart will not know it: {error.strerror or error}"
            self._health.raise_condition(Condition.ARMED_NOT_KEPT, camera, text)
            return refuse(command, text, "check the disk of the device")
        self._health.clear_condition(Condition.ARMED_NOT_KEPT, camera)
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

    def _cannot_photograph(self, camera: Camera, command: Command) -> CommandResult | None:
        if not self._snapshots:
            reason, fix = "snapshots are switched off", "set broker.snapshots = true in the site file"
        elif self._keeping == "none":
            reason, fix = "nothing of the scene may be shown", "change privacy.evidence in the site file"
        elif camera.reader is None:
            reason, fix = "there is no camera, only sensors", ""
        elif camera.reader.error is not None:
            reason, fix = f"the camera gives no picture: {camera.reader.error}", "check the camera"
        elif camera.name in self._wanted:
            reason, fix = "another snapshot is on its way", ""
        else:
            return None
        return refuse(command, reason, fix)

    def _give_up_waiting(self, camera: Camera, publisher: CameraPublisher) -> None:
        command, since_s = self._wanted.get(camera.name, (None, 0.0))
        if command is not None and time.monotonic() - since_s > FRAME_WAIT_S:
            del self._wanted[camera.name]
            publisher.publish_result(refuse(command, f"no frame came within {FRAME_WAIT_S:g} s"))

    def _note(self, camera: Camera, found: Mapping[Condition, str]) -> None:
        for code in _CONDITIONS:
            self._health.set_condition(code, camera.name, code in found, found.get(code, ""))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # a picture or answer less; the next one may go well
                _log.exception("a command could not be carried out")
