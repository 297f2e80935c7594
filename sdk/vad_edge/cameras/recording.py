"""A camera's own events beside a recording of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vad_edge.cameras.connect import connector
from vad_edge.cameras.listener import EventListener
from vad_edge.cameras.pull_point import PULL_S
from vad_edge.cameras.streams import kinds_of, stream_name
from vad_edge.config.onvif import EventKind
from vad_edge.config.site import CameraConfig, SiteConfig


@contextmanager
def recorded_events(
    camera: CameraConfig,
    site: SiteConfig,
    accept: Callable[[str, bytes], None],
    *,
    pull_s: float = PULL_S,
) -> Iterator[None]:
    """Give `accept` what the camera notices, as a broker would, while entered; nothing without a table.

    site has the camera's streams. Raises ConfigError where the password cannot be read.
    """
    if camera.onvif is None or not kinds_of(camera):
        yield
        return
    declared = {sensor.name: sensor for sensor in site.sensor}

    def push(kind: EventKind, is_on: bool) -> None:
        stream = declared[stream_name(camera.name, kind)]
        accept(stream.topic, (stream.on if is_on else stream.off)[0].encode())

    connect = connector(camera.name, camera.onvif)
    listener = EventListener(camera.name, connect, kinds_of(camera), push, pull_s=pull_s)
    try:
        yield
    finally:
        listener.close()
