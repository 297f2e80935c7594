"""How the first release opens a store and drains it: its rules word for word, frozen here."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any

SCHEMA = 2
DATA = {
    "incident", "site", "camera", "kind", "level", "previous", "time_s", "since", "risk", "peak_risk",
    "surprise", "cues", "shares", "regions", "rarity", "early_s", "time_synced", "evidence", "durable",
    "test", "tamper",
}  # fmt: skip


def drain(path: Path, camera: str) -> list[dict[str, Any]]:
    """The pending events of a camera, marked as delivered; one that it cannot read it leaves out."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert version <= SCHEMA, "the first release refuses a store of a later schema"
        rows = connection.execute(
            "SELECT id, body FROM events WHERE camera = ? AND delivered_at IS NULL ORDER BY seq", (camera,)
        ).fetchall()
        found = []
        for event_id, body in rows:
            data = json.loads(zlib.decompress(body))["data"]
            if data.keys() <= DATA and data.keys() >= DATA - {"tamper", "test", "durable"}:
                found.append(data)
                connection.execute("UPDATE events SET delivered_at = 'then' WHERE id = ?", (event_id,))
        return found


def write_incident(path: Path, incident: str, camera: str) -> None:
    """Note an incident as the first release does."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO incidents (id, camera, opened, closed, ending, peak_level, peak_risk)"
            " VALUES (?, ?, '2026-01-03T00:00:00.000000Z', NULL, NULL, 1, 2.0)"
            " ON CONFLICT (id) DO UPDATE SET closed = excluded.closed, ending = excluded.ending,"
            " peak_level = max(peak_level, excluded.peak_level),"
            " peak_risk = max(peak_risk, excluded.peak_risk)",
            (incident, camera),
        )
