"""A level change to the event that announces it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

from vad_edge.events.event import Event
from vad_edge.fusion.ident import new_id
from vad_edge.fusion.machine import LevelChange
from vad_edge.fusion.risk import Risk
from vad_edge.scoring.regions import Region
from vad_edge.scoring.surprise import Surprise

_LARGEST_CLAIM = 7.0


def event_from_change(
    change: LevelChange,
    risk: Risk,
    surprise: Surprise | None,
    *,
    site: str,
    camera: str,
    wall: Callable[[float], datetime],
    regions: Sequence[Region] = (),
    time_synced: bool = True,
) -> Event:
    """The event that announces `change`, with what is known at that moment.

    wall gives the UTC wall time of a run-clock time (`RunClock.wall`).
    """
    return Event(
        id=new_id(),
        incident=change.incident,
        site=site,
        camera=camera,
        kind=change.kind,
        level=change.level,
        previous=change.previous,
        time=wall(change.time_s),
        time_s=change.time_s,
        since=wall(change.since_s),
        risk=risk.value,
        peak_risk=change.peak_risk,
        surprise=None if surprise is None else surprise.total,
        cues={} if surprise is None else dict(surprise.cues),
        shares=dict(risk.shares),
        regions=tuple(regions),
        rarity="" if surprise is None else rarity(surprise.total),
        early_s=change.early_s,
        time_synced=time_synced,
        evidence={},
    )


def rarity(surprise: float) -> str:
    """A surprise in words; beyond one frame in ten million it claims no more than that.

    >>> rarity(3.1)
    'rarer than 1 frame in 1,200 of normal footage'
    """
    frames = 10.0 ** min(surprise, _LARGEST_CLAIM)
    if frames < 2.0:
        return "as common as normal footage"
    step = 10.0 ** max(math.floor(math.log10(frames)) - 1, 0)
    return f"rarer than 1 frame in {math.floor(frames / step) * int(step):,} of normal footage"
