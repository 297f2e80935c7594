"""Incidents that people have called false alarms, as normal life of the next calibration."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from vad_edge.calibration.policy_replay import CUT_S, Course
from vad_edge.config.site import PolicyConfig
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A false alarm: its incident, when it opened, and the highest risk that the video alone had in it."""

    incident: str
    opened: datetime
    risk: float


def false_alarms(
    store: EventStore, camera: str, cues: Collection[str], since: datetime | None = None
) -> list[Exemplar]:
    """The incidents of a camera that were acknowledged as false and opened at or after `since`, oldest first.

    cues are the model's: what sensors gave to a risk is left out, since footage has none. Tampers and tests
    are no exemplars. Raises StoreError.
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
            found.append(Exemplar(incident.id, incident.opened, share * incident.peak_risk))
    return found


def with_exemplars(course: Course, risks: Sequence[float], policy: PolicyConfig, fps: float) -> Course:
    """The course with an incident of each risk behind it, and no time: each counts as if it had been there.

    So levels come out higher rather than lower: how long was watched to get them is not counted.
    """
    last = policy.persistence[1] if policy.persistence else 1
    frames = np.arange(last + 1) / fps
    times, values = [course.time_s], [course.risk]
    for risk in risks:
        start_s = float(times[-1][-1]) + 2.0 * CUT_S
        times.append(start_s + frames)
        values.append(np.full(len(frames), risk))
    return Course(np.concatenate(times), np.concatenate(values), course.armed_s)
