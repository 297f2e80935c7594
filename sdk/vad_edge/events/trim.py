"""Keeping the events themselves within their share of the disk: the last thing that goes."""

from __future__ import annotations

import sqlite3

from vad_edge.events.audit import RETENTION, note
from vad_edge.events.database import Database

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
