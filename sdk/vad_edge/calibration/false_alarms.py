"""Incidents that people acknowledged as false alarms: the next calibration counts them as normal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from vad_edge.calibration.policy_replay import CUT_S, PolicyReplay
from vad_edge.config.site import PolicyConfig
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A false alarm: its incident, when it opened, and the highest risk that the video alone had in it."""

    incident: str
    opened: datetime
    risk: float


def false_alarms(
    store: EventStore, camera: str, cues: Collection[str], since: datetime | None = None
) -> list[FalseAlarm]:
    """The incidents of a camera that were acknowledged as false and opened at or after `since`, oldest first.

    cues are the model's: what sensors gave to a risk is left out, since footage has none. Tampers and tests
    are not false alarms. Raises StoreError.
    """
    found = []
    for incident in Incidents(store.database).find(since=since, camera=camera, limit=_MOST):
        if incident.acknowledged is None or incident.acknowledged.answer != "false":
            continue
        events = [
            event for event in store.events(incident.id) if event.kind in ("opened", "raised", "lowered")
        ]
        if not events or any(event.test for event in events):
            continue
        strongest = max(events, key=lambda event: event.risk)
        video = sum(share for name, share in strongest.shares.items() if name in cues)
        share = video / strongest.risk if strongest.risk > 0.0 else 0.0
        if share > 0.0:
            found.append(FalseAlarm(incident.id, incident.opened, share * incident.peak_risk))
    return found


def with_false_alarms(
    replay: PolicyReplay, risks: Sequence[float], policy: PolicyConfig, fps: float
) -> PolicyReplay:
    """The replay with an incident of each risk behind it, and no time: each counts as if it had been there.

    So levels come out higher rather than lower: how long was watched to get them is not counted.
    """
    last = policy.persistence[1] if policy.persistence else 1
    frames = np.arange(last + 1) / fps
    times, values = [replay.time_s], [replay.risk]
    for risk in risks:
        start_s = float(times[-1][-1]) + 2.0 * CUT_S
        times.append(start_s + frames)
        values.append(np.full(len(frames), risk))
    return PolicyReplay(np.concatenate(times), np.concatenate(values), replay.armed_s)
