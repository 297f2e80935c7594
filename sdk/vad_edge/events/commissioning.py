"""A made-up incident, for trying out whether a real one would arrive."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from vad_edge.common.ids import new_id
from vad_edge.events.announce import FRESH_S
from vad_edge.events.event import Event
from vad_edge.events.reason import Reason
from vad_edge.fusion.machine import Level


def made_up_incident(
    site: str, camera: str, now: datetime, *, time_synced: bool | None = None
) -> list[Event]:
    """The events of a test incident, each marked as one: opened at watch, raised to alarm, cleared."""
    opened = Event(
        id=new_id(),
        incident=new_id(),
        site=site,
        camera=camera,
        kind="opened",
        level=Level.WATCH,
        previous=Level.NORMAL,
        time=now,
        time_s=0.0,
        since=now,
        risk=2.0,
        peak_risk=2.0,
        surprise=None,
        cues={},
        shares={"test": 2.0},
        regions=(),
        rarity=Reason("test").text,
        early_s=None,
        time_synced=time_synced,
        evidence={},
        test=True,
        sequence=1,
        fresh_until=now + timedelta(seconds=FRESH_S),
        reasons=(Reason("test"),),
    )
    raised = replace(
        opened,
        id=new_id(),
        kind="raised",
        level=Level.ALARM,
        previous=Level.WATCH,
        risk=4.0,
        peak_risk=4.0,
        shares={"test": 4.0},
        early_s=0.0,
        sequence=2,
    )
    cleared = replace(
        raised,
        id=new_id(),
        kind="cleared",
        level=Level.NORMAL,
        previous=Level.ALARM,
        risk=0.0,
        shares={},
        sequence=3,
        ending="calm",
    )
    return [opened, raised, cleared]
