"""Incidents: what the events of one happening come to, and what people said about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from vad_edge.errors import ConfigError
from vad_edge.events.database import Database
from vad_edge.events.event import stamp, time_of
from vad_edge.fusion.machine import Level

Answer = Literal["true", "false", "test"]
"""Whether an incident was a real one, a false alarm, or a test."""
ANSWERS: tuple[Answer, ...] = ("true", "false", "test")
Ending = Literal["cleared", "interrupted"]

_COLUMNS = (
    "id, camera, opened, closed, ending, peak_level, peak_risk,"
    " (SELECT count(*) FROM events WHERE events.incident = incidents.id),"
    " verdict, verdict_by, verdict_at, verdict_note, ending_reason"
)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What was answered about an incident, by whom and when (UTC)."""

    answer: Answer
    by: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Incident:
    """One happening in front of one camera.

    opened and closed are UTC; closed is None while it goes on, and ending then too: ``interrupted`` means the
    run ended before the incident did. reason is why it is over, as in `Event.ending`, empty where that is not
    known. events is how many of its events are still there.
    """

    id: str
    camera: str
    opened: datetime
    closed: datetime | None
    ending: Ending | None
    peak_level: Level
    peak_risk: float
    events: int
    acknowledged: Acknowledgement | None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        said = self.acknowledged
        return {
            "id": self.id,
            "camera": self.camera,
            "opened": stamp(self.opened),
            "closed": None if self.closed is None else stamp(self.closed),
            "ending": self.ending,
            "ending_reason": self.reason,
            "peak_level": str(self.peak_level),
            "peak_risk": self.peak_risk,
            "events": self.events,
            "acknowledged": None
            if said is None
            else {"answer": said.answer, "by": said.by, "at": stamp(said.at), "note": said.note},
        }


class Incidents:
    """The incidents of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        *,
        since: datetime | None = None,
        level: Level = Level.NORMAL,
        camera: str | None = None,
        limit: int = 100,
    ) -> list[Incident]:
        """The newest `limit` incidents, oldest first, that opened at or after `since` and reached `level`."""
        statement = (
            f"SELECT {_COLUMNS} FROM incidents WHERE opened >= ? AND peak_level >= ?"  # noqa: S608
            " AND (? IS NULL OR camera = ?) ORDER BY seq DESC LIMIT ?"
        )
        values = ("" if since is None else stamp(since), int(level), camera, camera, limit)
        return [_incident(row) for row in reversed(self._database.rows(statement, values))]

    def get(self, name: str) -> Incident:
        """The incident whose id begins with `name`. Raises ConfigError if there is none, or more than one."""
        statement = f"SELECT {_COLUMNS} FROM incidents WHERE substr(id, 1, ?) = ? LIMIT 2"  # noqa: S608
        rows = self._database.rows(statement, (len(name), name))
        if name and len(rows) == 1:
            return _incident(rows[0])
        what = "more than one incident begins so" if name and rows else "there is no such incident"
        raise ConfigError(what, where=name, fix="`vad-edge events list` shows those there are")

    def acknowledge(self, incident: str, answer: Answer, *, by: str, note: str = "") -> Incident:
        """Note what the incident was; what was said before is replaced. Raises ConfigError as `get` does."""
        found = self.get(incident)
        self._database.change(
            "UPDATE incidents SET verdict = ?, verdict_by = ?, verdict_at = ?, verdict_note = ? WHERE id = ?",
            (answer, by, stamp(datetime.now(timezone.utc)), note, found.id),
        )
        return self.get(found.id)

    def interrupt(self, cameras: Sequence[str]) -> int:
        """Close the incidents a run that was killed has left open; each ends with its last event."""
        wanted = [(camera,) for camera in cameras]

        def work(connection: sqlite3.Connection) -> int:
            return connection.executemany(
                "UPDATE incidents SET ending = 'interrupted', ending_reason = 'process_died',"
                " closed = coalesce("
                " (SELECT time FROM events WHERE incident = incidents.id ORDER BY seq DESC LIMIT 1), opened)"
                " WHERE closed IS NULL AND camera = ?",
                wanted,
            ).rowcount

        return self._database.write(work)


def _incident(row: tuple[Any, ...]) -> Incident:
    name, camera, opened, closed, ending, level, risk, events, answer, by, at, note, reason = row
    return Incident(
        id=name,
        camera=camera,
        opened=time_of(opened),
        closed=None if closed is None else time_of(closed),
        ending=ending,
        peak_level=Level(level),
        peak_risk=risk,
        events=events,
        acknowledged=None if answer is None else Acknowledgement(answer, by, time_of(at), note),
        reason=reason or "",
    )
