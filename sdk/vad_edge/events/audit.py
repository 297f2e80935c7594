"""Who deleted or exported what: the rows that stay when an incident does not."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Literal

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

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


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
    rows = database.read(
        lambda connection: connection.execute(
            "SELECT at, action, incident, who, reason, files, bytes, events FROM audit"
            " WHERE ? IS NULL OR incident = ? ORDER BY seq",
            (incident, incident),
        ).fetchall()
    )
    return [AuditRow(*row) for row in rows]
