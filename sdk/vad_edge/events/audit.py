"""Who deleted or exported what: the rows that stay when an incident does not."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from vad_edge.events.database import Database
from vad_edge.events.event import stamp

Action = Literal["deleted", "exported", "expired"]
RETENTION = "retention"
"""Who takes away what is too old or too much."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that was done to an incident: when (UTC stamp), by whom, why, and how much it concerned."""

    at: str
    action: Action
    incident: str
    who: str
    reason: str
    files: int
    bytes: int
    events: int


def note(
    connection: sqlite3.Connection,
    action: Action,
    incident: str,
    *,
    who: str,
    reason: str,
    files: int = 0,
    size: int = 0,
    events: int = 0,
) -> None:
    """Add a row to the audit, within the transaction that does the thing."""
    at = stamp(datetime.now(timezone.utc))
    connection.execute(
        "INSERT INTO audit (at, action, incident, who, reason, files, bytes, events)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (at, action, incident, who, reason, files, size, events),
    )


def audit_rows(database: Database, incident: str | None = None) -> list[AuditRow]:
    """The audit of one incident, or all of it, oldest first."""
    rows = database.rows(
        "SELECT at, action, incident, who, reason, files, bytes, events FROM audit"
        " WHERE ? IS NULL OR incident = ? ORDER BY seq",
        (incident, incident),
    )
    return [AuditRow(*row) for row in rows]


_BATCH = 1000


def trim_events(database: Database, max_bytes: int) -> int:
    """Delete the oldest events while the database holds more than max_bytes; how many went.

    Those that were delivered go first, so that a long outage costs history before it costs news. Each
    incident that lost events has a row in the audit; one without events goes.
    """
    gone = 0
    while _used(database) > max_bytes:
        deleted = database.write(_drop_batch)
        if not deleted:
            break
        gone += deleted
    return gone


def _used(database: Database) -> int:
    def look(connection: sqlite3.Connection) -> int:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    return database.read(look)


def _drop_batch(connection: sqlite3.Connection) -> int:
    rows = connection.execute(
        "SELECT seq, incident FROM events ORDER BY delivered_at IS NULL, seq LIMIT ?", (_BATCH,)
    ).fetchall()
    connection.executemany("DELETE FROM events WHERE seq = ?", [(seq,) for seq, _ in rows])
    incidents = [incident for _, incident in rows]
    for incident in dict.fromkeys(incidents):
        note(
            connection,
            "expired",
            incident,
            who=RETENTION,
            reason="events_mb",
            events=incidents.count(incident),
        )
        connection.execute(
            "DELETE FROM incidents WHERE id = ? AND NOT EXISTS (SELECT 1 FROM events WHERE incident = ?)",
            (incident, incident),
        )
    return len(rows)
