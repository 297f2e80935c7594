"""The schemas the database has had, one step after another."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

from vad_edge.events.event import Event, compressed, from_cloudevent, stamp
from vad_edge.fusion.machine import Level

Step = Callable[[sqlite3.Connection], None]

_EVENTS = (
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        incident TEXT NOT NULL,
        camera TEXT NOT NULL,
        level TEXT NOT NULL,
        time TEXT NOT NULL,
        body TEXT NOT NULL,
        delivered_at TEXT
    )""",
    "CREATE INDEX events_pending ON events (camera, seq) WHERE delivered_at IS NULL",
)
_INCIDENTS = (
    """CREATE TABLE incidents (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        camera TEXT NOT NULL,
        opened TEXT NOT NULL,
        closed TEXT,
        ending TEXT CHECK (ending IN ('cleared', 'interrupted')),
        peak_level INTEGER NOT NULL,
        peak_risk REAL NOT NULL,
        verdict TEXT CHECK (verdict IN ('true', 'false', 'test')),
        verdict_by TEXT,
        verdict_at TEXT,
        verdict_note TEXT
    )""",
    "CREATE INDEX incidents_open ON incidents (camera) WHERE closed IS NULL",
    "CREATE INDEX events_incident ON events (incident)",
    """CREATE TABLE evidence (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        incident TEXT NOT NULL,
        camera TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL UNIQUE,
        sha256 TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        kept_at REAL NOT NULL,
        boot TEXT NOT NULL,
        boot_s REAL NOT NULL
    )""",
    "CREATE INDEX evidence_incident ON evidence (incident)",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        action TEXT NOT NULL CHECK (action IN ('deleted', 'exported', 'expired')),
        incident TEXT NOT NULL,
        who TEXT NOT NULL,
        reason TEXT NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        events INTEGER NOT NULL
    )""",
    "CREATE INDEX audit_incident ON audit (incident)",
)

_NOTE = """INSERT INTO incidents (id, camera, opened, closed, ending, peak_level, peak_risk)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
        closed = excluded.closed,
        ending = excluded.ending,
        peak_level = max(peak_level, excluded.peak_level),
        peak_risk = max(peak_risk, excluded.peak_risk)"""


def note_incident(connection: sqlite3.Connection, event: Event) -> None:
    """Bring the row of an event's incident to what the event says."""
    closed, ending = (stamp(event.time), "cleared") if event.ends else (None, None)
    # A cleared event's own level is normal; the one it comes down from counts.
    peak = max(event.level, event.previous)
    row = (event.incident, event.camera, stamp(event.time), closed, ending, int(peak), event.peak_risk)
    connection.execute(_NOTE, row)
    if event.ending:
        connection.execute(
            "UPDATE incidents SET ending_reason = ? WHERE id = ?", (event.ending, event.incident)
        )


def _first(connection: sqlite3.Connection) -> None:
    for statement in _EVENTS:
        connection.execute(statement)


def _second(connection: sqlite3.Connection) -> None:
    """Incidents beside events, evidence and the audit; bodies are compressed.

    Incidents are made up from the events there are.
    """
    for statement in _INCIDENTS:
        connection.execute(statement)
    add_columns(connection)
    for seq, incident, camera, level, time, body in connection.execute(
        "SELECT seq, incident, camera, level, time, body FROM events ORDER BY seq"
    ).fetchall():
        connection.execute("UPDATE events SET body = ? WHERE seq = ?", (compressed(body), seq))
        try:
            note_incident(connection, from_cloudevent(json.loads(body)))
        except ValueError:
            # The columns know less than the event, but an event that cannot be read has still happened.
            row = (incident, camera, time, None, None, int(Level[level.upper()]), 0.0)
            connection.execute(_NOTE, row)


MIGRATIONS: tuple[Step, ...] = (_first, _second)
"""One step a schema version; PRAGMA user_version counts those that have run. There will be no further one:
the release before could not open the store."""

ADDED_COLUMNS: tuple[tuple[str, str, str], ...] = (("incidents", "ending_reason", "TEXT"),)
"""What later releases added: table, column, type. The release before does not know them, and leaves them."""


def add_columns(connection: sqlite3.Connection) -> None:
    """Bring the tables to what this release writes; nothing is changed or taken away."""
    for table, column, kind in ADDED_COLUMNS:
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if column not in known:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
