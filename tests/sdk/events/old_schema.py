"""Databases as earlier versions wrote them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from vad_edge.events.event import Event, to_cloudevent


def write_first_schema(path: Path, events: Sequence[Event], delivered: Sequence[str] = ()) -> None:
    """A database of schema 1, whose events knew nothing of being durable."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
            " incident TEXT NOT NULL, camera TEXT NOT NULL, level TEXT NOT NULL, time TEXT NOT NULL,"
            " body TEXT NOT NULL, delivered_at TEXT)"
        )
        connection.execute("CREATE INDEX events_pending ON events (camera, seq) WHERE delivered_at IS NULL")
        for event in events:
            body = to_cloudevent(event)
            del body["data"]["durable"]
            connection.execute(
                "INSERT INTO events (id, incident, camera, level, time, body, delivered_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    event.id,
                    event.incident,
                    event.camera,
                    str(event.level),
                    event.time.isoformat(),
                    json.dumps(body),
                    "2026-01-02T03:04:05+00:00" if event.id in delivered else None,
                ),
            )
        connection.execute("PRAGMA application_id = 0x76616465")
        connection.execute("PRAGMA user_version = 1")
