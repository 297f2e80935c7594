"""The sensor streams that a site's cameras are by their own events."""

from __future__ import annotations

from typing import Final

from vad_edge.config.load import checked
from vad_edge.config.onvif import EventKind
from vad_edge.config.site import CameraConfig, SensorConfig, SiteConfig
from vad_edge.sensors.hub import PUSHED

SILENT_S: Final = 90.0
"""A camera is heard every 20 s, also where nothing happens; a stream that is not is cut off."""

_LONGEST_NAME: Final = 64


def stream_name(camera: str, kind: EventKind) -> str:
    """The name of the stream of one kind.

    >>> stream_name("front", "motion")
    'front_motion'
    """
    return f"{camera[: _LONGEST_NAME - len(kind) - 1]}_{kind}"


def kinds_of(camera: CameraConfig) -> tuple[EventKind, ...]:
    """The kinds of events of a camera that are streams."""
    onvif = camera.onvif
    return tuple(dict.fromkeys(onvif.kinds)) if onvif is not None and onvif.events else ()


def with_camera_streams(site: SiteConfig) -> SiteConfig:
    """The site with a binary stream for each kind of event of its cameras, which is evidence for that camera.

    A sensor of the site file that bears such a name takes its place: its role, weight and words hold.
    Raises ConfigError where two cameras' streams would share a name.
    """
    declared = {sensor.name for sensor in site.sensor}
    streams = [
        SensorConfig(
            name=name,
            topic=f"{PUSHED}{name}",
            kind="binary",
            stale_after_s=SILENT_S,
            cameras=(camera.name,),
        )
        for camera in site.camera
        for kind in kinds_of(camera)
        if (name := stream_name(camera.name, kind)) not in declared
    ]
    return checked(site, sensor=(*site.sensor, *streams)) if streams else site
