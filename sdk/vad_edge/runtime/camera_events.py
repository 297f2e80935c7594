"""Cameras' own events as sensor streams of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from vad_edge.cameras.client import OnvifClient
from vad_edge.cameras.connect import connector
from vad_edge.cameras.listener import EventListener
from vad_edge.cameras.streams import kinds_of, stream_name
from vad_edge.config.onvif import EventKind
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.runtime.component import Component
from vad_edge.runtime.pushed_sensor import PushedSensor
from vad_edge.sensors.hub import SensorHub

UNKNOWN: Final = "camera_events_unknown"
"""The counter of states that cameras told of and that mean nothing to us."""


class CameraEvents(Component):
    """Listens to the cameras' own events; one that is not heard is a condition, and ends nothing."""

    def __init__(self, listeners: Sequence[EventListener], health: HealthBoard) -> None:
        self._listeners, self._health = list(listeners), health
        self._problems: dict[str, str] = {}
        self._unknown = 0

    def on_tick(self, now: float) -> None:
        """Tell of the cameras that are not heard."""
        for listener in self._listeners:
            problem = listener.problem
            if problem == self._problems.get(listener.camera, ""):
                continue
            self._problems[listener.camera] = problem
            self._health.set_condition(Condition.CAMERA_EVENTS_LOST, listener.camera, bool(problem), problem)
        unknown = sum(listener.unknown for listener in self._listeners)
        if unknown > self._unknown:
            self._health.count(UNKNOWN, unknown - self._unknown)
            self._unknown = unknown

    def close(self) -> None:
        """Give the subscriptions back, all at once, within a bounded time."""
        for listener in self._listeners:
            listener.stop()
        for listener in self._listeners:
            listener.close()


def listeners_of(site: SiteConfig, hub: SensorHub) -> list[EventListener]:
    """A listener for each camera whose events are streams; its threads begin at once.

    Raises ConfigError where a password cannot be read, before any thread begins.
    """
    found = [
        (camera, connector(camera.name, camera.onvif))
        for camera in site.camera
        if camera.onvif is not None and kinds_of(camera)
    ]
    return [_listener(camera, connect, site, hub) for camera, connect in found]


def _listener(
    camera: CameraConfig, connect: Callable[[], OnvifClient], site: SiteConfig, hub: SensorHub
) -> EventListener:
    declared = {sensor.name: sensor for sensor in site.sensor}
    sensors = {kind: PushedSensor(declared[stream_name(camera.name, kind)]) for kind in kinds_of(camera)}
    for sensor in sensors.values():
        sensor.bind(hub)

    def push(kind: EventKind, is_on: bool) -> None:
        sensors[kind].push(is_on)

    return EventListener(camera.name, connect, tuple(sensors), push)
