"""The events of this device on disk, and which of them the broker has yet to acknowledge."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

from vad_edge.errors import StoreError
from vad_edge.events.event import Event, from_cloudevent, to_cloudevent

logger = logging.getLogger(__name__)

# Marks the file as ours ("vade"); anything else that lies at the path is moved out of the way.
_APPLICATION_ID = 0x76616465
# One entry a schema version; PRAGMA user_version counts those that have run.
_MIGRATIONS = (
    (
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
    ),
)


_ROLLED_UP = "rolled up"
"""Stands where else the time of delivery does."""


class _NotOursError(Exception):
    """What lies at the path is no database, a damaged one, or somebody else's."""


class EventStore:
    """A durable outbox in one SQLite file, for any number of threads.

    Creates the folder and the file. A file that is damaged or not ours is renamed to
    ``NAME.corrupt-<time>`` and a new one begun; `quarantined` then says where the old one lies. Raises
    StoreError when the place cannot be written or a newer version wrote the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.quarantined: Path | None = None
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _open(path)
            except _NotOursError as reason:
                self.quarantined = _quarantine(path)
                logger.error("%s: %s; kept as %s, a new store begins", path, reason, self.quarantined)
                self._connection = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot open the event store: {error}", where=str(path), fix="check the folder and its disk"
            ) from error

    def add(self, event: Event) -> None:
        """Keep `event`; it is on the disk when this returns. One that is already there stays as it is."""
        row = (
            event.id,
            event.incident,
            event.camera,
            str(event.level),
            event.time.isoformat(),
            json.dumps(to_cloudevent(event), allow_nan=False),
        )
        with self._guarded() as connection:
            connection.execute(
                "INSERT INTO events (id, incident, camera, level, time, body) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO NOTHING",
                row,
            )

    def pending(self, camera: str, limit: int = 100) -> list[Event]:
        """The events of `camera` not yet delivered, oldest first, at most `limit`."""
        with self._guarded() as connection:
            rows = connection.execute(
                "SELECT id, body FROM events WHERE camera = ? AND delivered_at IS NULL ORDER BY seq",
                (camera,),
            )
            return list(islice(_readable(rows), limit))

    def mark_delivered(self, event_id: str) -> None:
        """Note that the broker acknowledged the event, now; the first time counts."""
        with self._guarded() as connection:
            connection.execute(
                "UPDATE events SET delivered_at = ? WHERE id = ? AND delivered_at IS NULL",
                (datetime.now(timezone.utc).isoformat(), event_id),
            )

    def mark_rolled_up(self, event_id: str) -> None:
        """Note that the event is kept and never published: one condition told of it and others together."""
        with self._guarded() as connection:
            connection.execute(
                "UPDATE events SET delivered_at = ? WHERE id = ? AND delivered_at IS NULL",
                (_ROLLED_UP, event_id),
            )

    def events(self) -> list[Event]:
        """All events, oldest first."""
        with self._guarded() as connection:
            return list(_readable(connection.execute("SELECT id, body FROM events ORDER BY seq")))

    def close(self) -> None:
        """Let go of the file; every later call but this raises StoreError."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StoreError(
                    f"the event store failed: {error}", where=str(self.path), fix="check its disk"
                ) from error


def _readable(rows: Iterator[tuple[str, str]]) -> Iterator[Event]:
    """The events of the rows; one that cannot be read must not hold up those behind it."""
    events = (_event(event_id, body) for event_id, body in rows)
    return (event for event in events if event is not None)


def _event(event_id: str, body: str) -> Event | None:
    try:
        return from_cloudevent(json.loads(body))
    except ValueError as error:
        logger.error("event %s in the store cannot be read: %s", event_id, error)
        return None


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        # Its subclasses are the world's trouble (disk full, locked); the bare type says the file is bad.
        if type(error) is sqlite3.DatabaseError:
            raise _NotOursError(str(error)) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check that the file is whole and ours, and bring it to the newest schema."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _NotOursError(f"the database is damaged ({verdict})")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and owner != _APPLICATION_ID:
        raise _NotOursError("the database belongs to another program")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise StoreError(
            f"the event store has schema {version}, this version knows {len(_MIGRATIONS)}",
            where=str(path),
            fix="update vad-edge, or give another folder",
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    # Asked again under the lock: another process may have been quicker.
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")


def _quarantine(path: Path) -> Path:
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%fZ")
    kept = path.with_name(f"{path.name}.corrupt-{stamp}")
    path.rename(kept)
    for suffix in ("-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(kept.with_name(kept.name + suffix))
    return kept
