"""Looks at each frame for a camera that was covered or turned."""

from __future__ import annotations

from collections.abc import Iterable

from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component
from vad_edge.runtime.event_writer import EventWriter


class TamperCheck(Component):
    """Announces that a camera sees nothing of its scene any more, or does again."""

    essential = True

    def __init__(self, cameras: Iterable[Camera], writer: EventWriter) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._writer = writer

    def on_frame(self, result: FrameResult) -> None:
        """Follow the validity of the camera's picture."""
        if result.scored is None:
            return
        camera = self._cameras[result.camera]
        event = camera.look_for_tamper(result.frame.time_s, result.scored.validity)
        if event is not None:
            self._writer.announce(event, publish=True)
