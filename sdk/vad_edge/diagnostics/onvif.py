"""Whether cameras' own control interfaces answer, and offer what the site file asks of them."""

from __future__ import annotations

from collections.abc import Iterator

from vad_edge.cameras.connect import connector
from vad_edge.cameras.describe import CameraDescription, describe
from vad_edge.cameras.streams import kinds_of
from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.diagnostics.finding import Finding, failure
from vad_edge.errors import CameraError, ConfigError


def check_onvif(site: SiteConfig) -> Iterator[Finding]:
    """Ask each camera that has a ``[camera.onvif]`` table."""
    for camera in site.camera:
        if camera.onvif is not None:
            yield _look_at(camera, camera.onvif)


def _look_at(camera: CameraConfig, onvif: OnvifConfig) -> Finding:
    subject = f"onvif of camera {camera.name}"
    try:
        found = describe(connector(camera.name, onvif)())
    except ConfigError as error:
        return failure(subject, error)
    except CameraError as error:  # a run goes on without it
        return Finding(subject, "warn", f"{error.where}: {error.what}", error.fix)
    model = f"{found.manufacturer} {found.model}".strip() or "it answers"
    missing = _missing(camera, onvif, found)
    if missing:
        fix = "`vad-edge cameras show` lists what it has; change the camera's settings or its table"
        return Finding(subject, "warn", f"{model}; it has {'; it has '.join(missing)}", fix)
    if found.notes:
        return Finding(subject, "warn", f"{model}; {'; '.join(found.notes)}")
    return Finding(subject, "ok", f"{model}, events: {', '.join(found.kinds) or 'none'}")


def _missing(camera: CameraConfig, onvif: OnvifConfig, found: CameraDescription) -> list[str]:
    """What is asked of the camera and not there; kinds of events only where none of them is."""
    asked = kinds_of(camera)
    missing = []
    if asked and not set(asked) & set(found.kinds):
        missing.append(f"no events of the kinds {', '.join(asked)}")
    if onvif.relay is not None and onvif.relay not in found.relays:
        missing.append(f"no output {onvif.relay!r}")
    return missing
