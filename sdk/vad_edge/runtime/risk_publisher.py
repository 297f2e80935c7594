"""Publishes the risk of each camera while it changes."""

from __future__ import annotations

from collections.abc import Sequence

from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component


class RiskPublisher(Component):
    """Hands the newest risk to each camera's publisher, which sends it at its own pace."""

    def __init__(self, cameras: Sequence[Camera]) -> None:
        self._published_s = {camera.name: -1.0 for camera in cameras}
        self._cameras = cameras

    def on_tick(self, now: float) -> None:
        """Publish what was decided in this turn."""
        for camera in self._cameras:
            if camera.publisher is None or camera.risk is None:
                continue
            if camera.risk.time_s != self._published_s[camera.name]:
                self._published_s[camera.name] = camera.risk.time_s
                camera.publisher.publish_risk(camera.risk.value)
