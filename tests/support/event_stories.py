from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from vad_edge.config.site import PolicyConfig
from vad_edge.events.announce import event_from_change
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import WarningMachine
from vad_edge.scoring.regions import Region
from vad_edge.scoring.scorer import Surprise

START = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=timezone.utc)


@pytest.fixture
def story() -> Callable[..., list[Event]]:
    """A function that tells one incident from opened to cleared, the way a run would."""

    def tell(camera: str = "front", **extra: Any) -> list[Event]:
        machine = WarningMachine(PolicyConfig(dwell_s=0.0, clear_s=0.0))
        events = []
        for time_s, value in enumerate((0.0, 2.5, 4.5, 3.2, 0.0)):
            risk = Risk(float(time_s), value, {"motion": value - value / 4, "door": value / 4})
            change = machine.update(risk)
            if change is not None:
                surprise = Surprise(risk.time_s, value, {"motion": value, "background": 0.0})
                event = event_from_change(
                    change,
                    risk,
                    None if change.kind == "cleared" else surprise,
                    site="home",
                    camera=camera,
                    wall=lambda seconds: START + timedelta(seconds=seconds),
                    regions=[Region(3, 4, 50, 60, 0.25)],
                    **extra,
                )
                events.append(event)
        return events

    return tell


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(tmp_path / "state" / "events.db")
    yield opened
    opened.close()
