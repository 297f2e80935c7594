from __future__ import annotations

from tests.support.cameras import a_camera

from vad_edge.config.site import CameraConfig, PolicyConfig
from vad_edge.events.event import Event
from vad_edge.runtime.camera import Camera
from vad_edge.sensors.stream import SensorSurprise

POLICY = PolicyConfig(watch=1.0, warning=2.0, alarm=3.0, dwell_s=0.0, smoothing_s=0.0)


def decide(camera: Camera, time_s: float, surprise: float, *, gated: bool = False) -> Event | None:
    evidence = [(SensorSurprise("door", surprise, time_s), 1.0)]
    return camera.decide(time_s, None, evidence, gated=gated)


def test_a_gate_that_closes_ends_the_incident_and_nothing_is_told_until_it_opens() -> None:
    camera = a_camera(CameraConfig(name="front", policy=POLICY))
    opened = decide(camera, 1.0, 4.0)
    closed = decide(camera, 2.0, 4.0, gated=True)
    assert opened is not None
    assert closed is not None
    assert (opened.kind, closed.kind) == ("opened", "cleared")
    assert decide(camera, 3.0, 4.0, gated=True) is None
    assert camera.risk is not None
    assert camera.risk.value == 4.0
    again = decide(camera, 20.0, 4.0)
    assert again is not None
    assert again.kind == "opened"
