"""Events that wait for an endpoint, in an SQLite file of their own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vad_edge.errors import StoreError
from vad_edge.events.database import Contents, Database

_REMEMBERED = 10_000
"""Ids of events that were taken, so that one the broker delivers twice is sent once."""


def _first(connection: sqlite3.Connection) -> None:
    connection.execute(
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL DEFAULT 'waiting',
            body BLOB NOT NULL
        )"""
    )
    connection.execute("CREATE INDEX events_state ON events (state, seq)")


_CONTENTS = Contents("waiting events", 0x76616477, (_first,))  # "vadw"


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
        self._database = Database(path, _CONTENTS)
        self._database.change("UPDATE events SET state = 'waiting' WHERE state = 'aside'")

    def add(self, event_id: str, body: bytes) -> int:
        """Append an event; it is on the disk when this returns. How many old ones were given up for room.

        An event that is or was in the line is not added again.
        """

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(
                "INSERT INTO events (id, body) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", (event_id, body)
            )
            (size,) = connection.execute("SELECT coalesce(sum(length(body)), 0) FROM events").fetchone()
            given_up = 0
            while size > self._quota_bytes:
                # First those that no endpoint takes, then the oldest.
                seq, freed = connection.execute(
                    "SELECT seq, length(body) FROM events WHERE state != 'taken' ORDER BY state, seq LIMIT 1"
                ).fetchone()
                connection.execute("DELETE FROM events WHERE seq = ?", (seq,))
                size -= freed
                given_up += 1
            return given_up

        return self._database.write(work)

    def first(self) -> Waiting | None:
        """The event whose turn it is."""
        rows = self._database.rows(
            "SELECT seq, id, body FROM events WHERE state = 'waiting' ORDER BY seq LIMIT 1"
        )
        return Waiting(*rows[0]) if rows else None

    def settle(self, event: Waiting, state: Literal["taken", "aside"]) -> None:
        """Note that an event was taken, or set it aside."""

        def work(connection: sqlite3.Connection) -> None:
            if state == "aside":
                connection.execute("UPDATE events SET state = 'aside' WHERE seq = ?", (event.seq,))
                return
            connection.execute("UPDATE events SET state = 'taken', body = x'' WHERE seq = ?", (event.seq,))
            connection.execute(
                "DELETE FROM events WHERE state = 'taken' AND seq <= ?", (event.seq - _REMEMBERED,)
            )

        self._database.write(work)

    def count(self) -> int:
        """How many events have not been taken."""
        ((number,),) = self._database.rows("SELECT count(*) FROM events WHERE state != 'taken'")
        return int(number)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


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
