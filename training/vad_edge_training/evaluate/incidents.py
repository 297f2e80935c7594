"""Labelled incidents beside announced alarms: what was found, how soon, and what was false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MERGE_S = 2.0
"""Abnormal stretches closer together than this are one incident."""
GRACE_S = 2.0
"""An alarm so soon after an incident still belongs to it: evidence is accumulated before anyone is told."""


@dataclass(frozen=True, slots=True)
class Announced:
    """One alarm: when it was announced and when the level was left, in seconds of the clip.

    early_s is how long before it its incident was announced as watch or warning.
    """

    time_s: float
    until_s: float
    early_s: float


@dataclass(frozen=True, slots=True)
class Matched:
    """One clip: the delay of each labelled incident, None where it was missed, and the alarms sorted."""

    delays_s: tuple[float | None, ...]
    true: tuple[Announced, ...]
    false: tuple[Announced, ...]


def labelled_incidents(time_s: NDArray[np.float64], abnormal: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """When each incident begins and ends, from one label a frame."""
    edges = np.diff(np.concatenate([[0], abnormal.astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    incidents: list[tuple[float, float]] = []
    for begin, end in zip(time_s[begins].tolist(), time_s[ends].tolist(), strict=True):
        if incidents and begin - incidents[-1][1] <= MERGE_S:
            incidents[-1] = (incidents[-1][0], end)
        else:
            incidents.append((begin, end))
    return incidents


def match(incidents: Sequence[tuple[float, float]], alarms: Sequence[Announced]) -> Matched:
    """Which incidents the alarms found.

    An alarm is true if it was announced during an incident or just after it, and false otherwise. An incident
    is found by an alarm announced in it, or by a true one that still stands when it begins; the delay counts
    from its first abnormal frame.
    """
    true = [
        alarm for alarm in alarms if any(begin <= alarm.time_s <= end + GRACE_S for begin, end in incidents)
    ]
    delays: list[float | None] = []
    for begin, end in incidents:
        heard = [
            max(alarm.time_s - begin, 0.0)
            for alarm in true
            if alarm.time_s <= end + GRACE_S and alarm.until_s >= begin
        ]
        delays.append(min(heard, default=None))
    return Matched(tuple(delays), tuple(true), tuple(alarm for alarm in alarms if alarm not in true))
