from __future__ import annotations

from datetime import datetime, timedelta, timezone

from vad_edge.config.site import CameraConfig, PolicyConfig
from vad_edge.events.event import Event
from vad_edge.fusion.fuse import Fuser
from vad_edge.fusion.machine import WarningMachine
from vad_edge.runtime.camera import Station
from vad_edge.sensors.stream import SensorSurprise

POLICY = PolicyConfig(watch=1.0, warning=2.0, alarm=3.0, dwell_s=0.0, smoothing_s=0.0)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def decide(station: Station, time_s: float, surprise: float, *, gated: bool = False) -> Event | None:
    evidence = [(SensorSurprise("door", surprise, time_s), 1.0)]
    return station.decide(
        time_s, None, evidence, gated=gated, site="home", wall=lambda at: START + timedelta(seconds=at)
    )


def test_a_gate_that_closes_ends_the_incident_and_nothing_is_told_until_it_opens() -> None:
    station = Station(CameraConfig(name="front"), Fuser(0.0), WarningMachine(POLICY))
    opened = decide(station, 1.0, 4.0)
    closed = decide(station, 2.0, 4.0, gated=True)
    assert opened is not None
    assert closed is not None
    assert (opened.kind, closed.kind) == ("opened", "cleared")
    assert decide(station, 3.0, 4.0, gated=True) is None
    assert station.risk is not None
    assert station.risk.value == 4.0
    again = decide(station, 20.0, 4.0)
    assert again is not None
    assert again.kind == "opened"
