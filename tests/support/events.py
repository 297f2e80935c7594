"""An event, for tests to which it matters little which."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from vad_edge.events.event import Event
from vad_edge.fusion.machine import Level

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)

_OPENED = Event(
    id="e-1",
    incident="i-1",
    site="home",
    camera="front",
    kind="opened",
    level=Level.ALARM,
    previous=Level.NORMAL,
    time=NOON,
    time_s=1.0,
    since=NOON,
    risk=5.0,
    peak_risk=5.0,
    surprise=5.0,
    cues={},
    shares={},
    regions=(),
    rarity="",
    early_s=None,
    time_synced=True,
    evidence={},
)


def an_event(**changes: Any) -> Event:
    """The first event of an incident that goes straight to alarm, with these fields otherwise."""
    return replace(_OPENED, **changes)
