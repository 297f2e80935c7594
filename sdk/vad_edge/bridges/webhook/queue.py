"""Events that wait for an endpoint, in an SQLite file of their own."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from vad_edge.errors import StoreError

_log = logging.getLogger(__name__)

# Marks the file as ours ("vadw").
_APPLICATION_ID = 0x76616477
_SCHEMA = 1
_REMEMBERED = 10_000
"""Ids of events that were taken, so that one the broker delivers twice is sent once."""

_TABLE = """CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'waiting',
    body BLOB NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event that has not been taken yet: its place in the line, its id, the CloudEvent as JSON."""

    seq: int
    id: str
    body: bytes


class WaitingLine:
    """First in, first out, on disk, for any number of threads.

    Those set aside before get another chance now. A file that is damaged or not ours is renamed to
    ``NAME.corrupt-<time>`` and a new one begun. Raises StoreError when the place cannot be written.
    """

    def __init__(self, path: Path, *, quota_bytes: int) -> None:
        self.path = path
        self._quota_bytes = quota_bytes
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _open(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                kept = path.with_name(f"{path.name}.corrupt-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%fZ}")
                path.rename(kept)
                _log.error("%s: %s; kept as %s, a new line begins", path, error, kept.name)
                self._connection = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot open the waiting events: {error}",
                where=str(path),
                fix="check the folder and its disk",
            ) from error
        with self._guarded() as connection:
            connection.execute("UPDATE events SET state = 'waiting' WHERE state = 'aside'")
            (self._bytes,) = connection.execute(
                "SELECT coalesce(sum(length(body)), 0) FROM events"
            ).fetchone()

    def add(self, event_id: str, body: bytes) -> int:
        """Append an event; it is on the disk when this returns. How many old ones were given up for room.

        An event that is or was in the line is not added again.
        """
        with self._guarded() as connection:
            added = connection.execute(
                "INSERT INTO events (id, body) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", (event_id, body)
            ).rowcount
            self._bytes += len(body) if added else 0
            given_up = 0
            while self._bytes > self._quota_bytes:
                # First those that no endpoint takes, then the oldest.
                seq, size = connection.execute(
                    "SELECT seq, length(body) FROM events WHERE state != 'taken' ORDER BY state, seq LIMIT 1"
                ).fetchone()
                connection.execute("DELETE FROM events WHERE seq = ?", (seq,))
                self._bytes -= size
                given_up += 1
            return given_up

    def first(self) -> Waiting | None:
        """The event whose turn it is."""
        with self._guarded() as connection:
            row = connection.execute(
                "SELECT seq, id, body FROM events WHERE state = 'waiting' ORDER BY seq LIMIT 1"
            ).fetchone()
        return None if row is None else Waiting(*row)

    def settle(self, event: Waiting, state: Literal["taken", "aside"]) -> None:
        """Note that an event was taken, or set it aside."""
        with self._guarded() as connection:
            if state == "aside":
                connection.execute("UPDATE events SET state = 'aside' WHERE seq = ?", (event.seq,))
                return
            changed = connection.execute(
                "UPDATE events SET state = 'taken', body = x'' WHERE seq = ?", (event.seq,)
            ).rowcount
            self._bytes -= len(event.body) if changed else 0
            connection.execute(
                "DELETE FROM events WHERE state = 'taken' AND seq <= ?", (event.seq - _REMEMBERED,)
            )

    def count(self) -> int:
        """How many events have not been taken."""
        with self._guarded() as connection:
            (number,) = connection.execute("SELECT count(*) FROM events WHERE state != 'taken'").fetchone()
        return int(number)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreError(
                    f"the waiting events failed: {error}", where=str(self.path), fix="check its disk"
                ) from error


def look_up(path: Path, event_id: str) -> str | None:
    """What became of an event in another program's line: ``waiting``, ``aside`` or ``taken``.

    None where it never arrived, was given up, or there is no line. Raises StoreError for a file that cannot
    be read.
    """
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=5.0, uri=True)) as line:
            row = line.execute("SELECT state FROM events WHERE id = ?", (event_id,)).fetchone()
    except sqlite3.Error as error:
        raise StoreError(
            f"the waiting events cannot be read: {error}", where=str(path), fix="look as the bridge's user"
        ) from error
    return None if row is None else str(row[0])


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if verdict != "ok" or (tables and (owner, version) != (_APPLICATION_ID, _SCHEMA)):
            raise sqlite3.DatabaseError("not the waiting events of this program")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_TABLE)
        connection.execute("CREATE INDEX IF NOT EXISTS events_state ON events (state, seq)")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_SCHEMA}")
    except BaseException:
        connection.close()
        raise
    return connection
