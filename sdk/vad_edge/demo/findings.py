"""What a run announced, held against what is known to be in the clip."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vad_edge.events.event import Event

SLACK_S = 2.0
"""How long after an incident has left the picture an event still belongs to it."""
MOST_LEAD_S = 6.0
"""How long before an incident is seen an event may belong to it."""


@dataclass(frozen=True, slots=True)
class LabelledIncident:
    """An incident as labelled: seen from first_s to last_s."""

    kind: str
    first_s: float
    last_s: float


def read_incidents(path: Path) -> list[LabelledIncident]:
    """The incidents of an ``events.csv`` with the columns kind, first_s and last_s."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [
            LabelledIncident(row["kind"], float(row["first_s"]), float(row["last_s"]))
            for row in csv.DictReader(stream)
        ]


def find_incidents(truth: Sequence[LabelledIncident], events: Sequence[Event]) -> list[str]:
    """One line for each incident: when it was announced, or that it was missed; then the false alarms."""
    announced = [event for event in events if event.kind in ("opened", "raised")]
    lines = []
    explained: set[str] = set()
    for incident in truth:
        own = [event for event in announced if _belongs(event, incident)]
        explained |= {event.incident for event in own}
        lines.append(
            f"{incident.kind.replace('_', ' ')} at {incident.first_s:.1f} s: {_verdict(incident, own)}"
        )
    alone = {event.incident for event in announced} - explained
    lines.append(f"incidents announced without cause: {len(alone)}")
    return lines


def _belongs(event: Event, incident: LabelledIncident) -> bool:
    return incident.first_s - MOST_LEAD_S <= event.time_s <= incident.last_s + SLACK_S


def _verdict(incident: LabelledIncident, events: Sequence[Event]) -> str:
    if not events:
        return "missed"
    early_s = incident.first_s - events[0].time_s
    when = (
        f"{early_s:.1f} s before it was seen"
        if early_s > 0.05
        else f"{max(-early_s, 0.0):.1f} s after it was seen"
    )
    highest = max(event.level for event in events)
    return f"announced {when}, highest level {highest}"
