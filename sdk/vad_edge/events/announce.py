"""A level change, or a tamper, to the event that announces it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

from vad_edge.common.ids import new_id
from vad_edge.events.event import Event
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level, LevelChange
from vad_edge.fusion.tamper import TamperChange
from vad_edge.scoring.regions import Region
from vad_edge.scoring.scorer import Surprise


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
) -> Event:
    """The event that announces `change`, with what is known at that moment.

    wall gives the UTC wall time of a run-clock time (`RunClock.wall`). footage_frames is how many frames of
    normal footage the camera is calibrated on, or how many stretches of block_s where that is above 0.
    time_synced is whether those wall times are true, None where nobody can tell.
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
        rarity="" if surprise is None else rarity(surprise.total, footage_frames, block_s),
        early_s=change.early_s,
        time_synced=time_synced,
        evidence={},
    )


def event_from_tamper(
    change: TamperChange,
    risk: Risk | None,
    *,
    site: str,
    camera: str,
    wall: Callable[[float], datetime],
    time_synced: bool | None = None,
) -> Event:
    """The event that announces that a camera sees nothing of its scene any more, or does again.

    wall and time_synced are as in `event_from_change`.
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
    )


def rarity(surprise: float, footage_frames: int, block_s: float = 0.0) -> str:
    """A surprise in words, which claim nothing that the normal footage behind it cannot show.

    With block_s it counts stretches of so many seconds, by their highest score, and not frames.

    >>> rarity(2.1, footage_frames=5000)
    'video rarer than 1 frame in 120 of normal footage'
    >>> rarity(4.0, footage_frames=5000)
    'video rarer than anything expected in 5,000 frames of normal footage'
    >>> rarity(2.1, 5000, block_s=60.0)
    'video rarer than 1 stretch of 60 s in 120 of normal footage'
    """
    one, many = (
        (f"stretch of {block_s:.3g} s", f"stretches of {block_s:.3g} s") if block_s else ("frame", "frames")
    )
    frames = 10.0 ** min(surprise, 300.0)
    if frames < 2.0:
        return "video as common as normal footage"
    if frames > footage_frames:
        return f"video rarer than anything expected in {footage_frames:,} {many} of normal footage"
    step = 10.0 ** max(math.floor(math.log10(frames)) - 1, 0)
    return f"video rarer than 1 {one} in {math.floor(frames / step) * int(step):,} of normal footage"
