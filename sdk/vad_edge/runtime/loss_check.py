"""Looks for live cameras whose frames have stopped to come."""

from __future__ import annotations

from collections.abc import Iterable

from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component
from vad_edge.runtime.event_writer import EventWriter


class LossCheck(Component):
    """Announces a camera that is lost in an incident as a tamper; the monitor tells every loss."""

    essential = True

    def __init__(self, cameras: Iterable[Camera], writer: EventWriter) -> None:
        self._cameras = list(cameras)
        self._writer = writer

    def on_tick(self, now: float) -> None:
        """Follow whether each camera's frames come."""
        for camera in self._cameras:
            event = camera.look_for_loss(now)
            if event is not None:
                self._writer.announce(event, publish=True)
