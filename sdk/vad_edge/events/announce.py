"""A level change, or a tamper, to the event that announces it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from vad_edge.common.ids import new_id
from vad_edge.events.event import Ending, Event
from vad_edge.events.reason import Reason, rarity_reason, share_reasons
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level, LevelChange
from vad_edge.fusion.tamper import TamperChange
from vad_edge.scoring.regions import Region
from vad_edge.scoring.scorer import Surprise

FRESH_S: Final = 300.0
"""How long an event may sound an alarm, unless the site file says otherwise."""


def event_from_change(
    change: LevelChange,
    risk: Risk,
    surprise: Surprise | None,
    *,
    site: str,
    camera: str,
    wall: Callable[[float], datetime],
    footage_frames: int = 0,
    block_s: float = 0.0,
    regions: Sequence[Region] = (),
    time_synced: bool | None = None,
    sequence: int = 0,
    ending: Ending = "",
    fresh_s: float = FRESH_S,
) -> Event:
    """The event that announces `change`, with what is known at that moment.

    wall gives the UTC wall time of a run-clock time (`RunClock.wall`). footage_frames is how many frames of
    normal footage the camera is calibrated on, or how many stretches of block_s where that is above 0.
    time_synced is whether those wall times are true, None where that is not known. fresh_s is how long it may
    sound an alarm; the others are as in `Event`.
    """
    rare = None if surprise is None else rarity_reason(surprise.total, footage_frames, block_s)
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
        rarity="" if rare is None else rare.text,
        early_s=change.early_s,
        time_synced=time_synced,
        evidence={},
        sequence=sequence,
        ending=ending,
        fresh_until=wall(change.time_s) + timedelta(seconds=fresh_s),
        reasons=(*([] if rare is None else [rare]), *share_reasons(risk.shares)),
    )


def event_from_tamper(
    change: TamperChange,
    risk: Risk | None,
    *,
    site: str,
    camera: str,
    wall: Callable[[float], datetime],
    time_synced: bool | None = None,
    ending: Ending = "",
    fresh_s: float = FRESH_S,
) -> Event:
    """The event that announces that a camera sees nothing of its scene any more, or does again.

    wall, time_synced, ending and fresh_s are as in `event_from_change`.
    """
    began = change.kind == "tampered"
    value = 0.0 if risk is None else risk.value
    return Event(
        id=new_id(),
        incident=change.incident,
        site=site,
        camera=camera,
        kind=change.kind,
        level=Level.ALARM if began else Level.NORMAL,
        previous=Level.NORMAL if began else Level.ALARM,
        time=wall(change.time_s),
        time_s=change.time_s,
        since=wall(change.since_s),
        risk=value,
        peak_risk=value,
        surprise=None,
        cues={},
        shares={} if risk is None else dict(risk.shares),
        regions=(),
        rarity="",
        early_s=None,
        time_synced=time_synced,
        evidence={},
        tamper=change.reason,
        sequence=1 if began else 2,
        ending=ending,
        fresh_until=wall(change.time_s) + timedelta(seconds=fresh_s),
        reasons=(Reason("tamper", {"detail": change.reason}),),
    )
