"""Arms and disarms the cameras of a run as their schedules and people have it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vad_edge.clock import utc_now
from vad_edge.common.state_file import StateFile
from vad_edge.config.schedule import ScheduleConfig
from vad_edge.runtime.arming import Arming, Asked, Schedule
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component
from vad_edge.runtime.context import RunContext
from vad_edge.runtime.event_writer import EventWriter


class ArmingFile:
    """What was asked of the cameras, in a file beside the event store.

    What cannot be read counts as armed: better an alarm too many. `problem` then says so.
    """

    def __init__(self, path: Path) -> None:
        # A plain truth value is from before there were schedules.
        self._file = StateFile(path, dict[str, Asked | bool])
        self._asked = self._file.read() or {}
        self.problem = f"{self._file.problem}: every camera is armed" if self._file.problem else ""

    def asked(self, camera: str) -> Asked:
        """What was asked of the camera; nothing of one that was never armed or disarmed."""
        found = self._asked.get(camera, Asked())
        return Asked(armed=found) if isinstance(found, bool) else found

    def remember(self, camera: str, asked: Asked) -> None:
        """Keep it on the disk. Raises OSError where that does not work."""
        self._asked = {**self._asked, camera: asked}
        self._file.write(self._asked)
        self.problem = ""


LOOK_EVERY_S: Final = 1.0


class ArmingControl(Component):
    """Holds each camera's `Arming` and looks at it once a second; `writer` takes the events this brings."""

    def __init__(
        self,
        cameras: Sequence[Camera],
        schedule: ScheduleConfig,
        file: ArmingFile,
        context: RunContext,
        writer: EventWriter,
    ) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._file, self._context, self._writer = file, context, writer
        self._looked_s = -math.inf
        self._armings = {
            name: Arming(Schedule(schedule, name), file.asked(name), utc_now(), time.monotonic())
            for name in self._cameras
        }
        for name, camera in self._cameras.items():
            camera.guard = self._armings[name].look(utc_now(), time.monotonic())
            _tell_publisher(camera)

    def on_tick(self, now: float) -> None:
        """Arm and disarm what it is time for."""
        if time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = time.monotonic()
        for camera in self._cameras.values():
            self._apply(camera)

    def ask(self, camera: Camera, armed: bool) -> None:
        """A user arms or disarms; this clears the incident under way, if there is one."""
        self._armings[camera.name].ask(armed, utc_now())
        self._apply(camera, asked=True)

    def maintain(self, camera: Camera, minutes: int) -> None:
        """People will be at the camera for some minutes; as for `ask`."""
        self._armings[camera.name].maintain(minutes, utc_now(), time.monotonic())
        self._apply(camera, asked=True)

    def asked(self, camera: Camera) -> Asked:
        """What has been asked of a camera."""
        return self._armings[camera.name].asked

    def remember(self, camera: str, asked: Asked) -> None:
        """Keep over restarts what was asked; from any one thread. Raises OSError."""
        self._file.remember(camera, asked)

    def _apply(self, camera: Camera, *, asked: bool = False) -> None:
        guard = self._armings[camera.name].look(utc_now(), time.monotonic())
        if guard == camera.guard and not asked:
            return
        event = camera.arm(guard, self._context.now())
        _tell_publisher(camera)
        if event is None:
            self._writer.tell_state(camera)
        else:
            self._writer.announce(event, publish=True)


def _tell_publisher(camera: Camera) -> None:
    """Answers to commands say at once whether the camera is armed; its state follows its events."""
    if camera.publisher is not None:
        camera.publisher.armed = camera.armed
