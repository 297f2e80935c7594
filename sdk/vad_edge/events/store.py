"""The events of this device on disk, and which of them the broker has yet to acknowledge."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

from vad_edge.errors import StoreError
from vad_edge.events.database import Database
from vad_edge.events.event import Event, pack, unpack
from vad_edge.events.migrations import note_incident

logger = logging.getLogger(__name__)

SPARE_EVENTS = 5_000
"""Events kept in memory while the disk takes none; the oldest make room."""
RETRY_S = 5.0

_ROLLED_UP = "rolled up"
"""Stands where else the time of delivery does."""


class EventStore:
    """A durable outbox in one SQLite file, for any number of threads.

    Order is the order of adding: a wall clock that jumps changes stamps, never what comes first. While the
    disk takes nothing, events are kept in memory and handed out all the same, marked as not durable; they are
    written when it works again. `failure` says why the last event could not be written, `lost` counts those
    that not even memory could hold. Opens, repairs and raises as `Database` does.
    """

    def __init__(self, path: Path, *, repair: bool = True, patient: bool = False) -> None:
        self.database = Database(path, repair=repair, patient=patient)
        self.failure: str | None = None
        self.lost = 0
        self._lock = threading.Lock()
        self._spare: dict[str, Event] = {}
        self._marks: dict[str, str] = {}
        self._retry_at_s = 0.0

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.database.path

    @property
    def quarantined(self) -> Path | None:
        """Where a damaged file was kept; None if none was."""
        return self.database.quarantined

    def add(self, event: Event, *, publish: bool = True) -> Event:
        """Keep `event`; what is returned was kept, and is on the disk unless its `durable` is false.

        One that is already there stays as it is. publish is false for one that is kept and never handed out:
        it was rolled up, since one condition tells of it and others together.
        """
        body = pack(event)
        with self._lock:
            if not publish:
                self._marks[event.id] = _ROLLED_UP
            try:
                self.database.write(lambda connection: _insert(connection, event, body))
            except StoreError as error:
                if self.database.closed:
                    raise
                return self._keep_in_memory(event, error)
            self._catch_up()
            self.failure = None
            return event

    def pending(self, camera: str, limit: int = 100) -> list[Event]:
        """The events of `camera` not yet delivered, oldest first, at most `limit`."""
        stored, spare = self._pending(camera, "ORDER BY seq", limit)
        return (stored + spare)[:limit]

    def newest_pending(self, camera: str, limit: int) -> list[Event]:
        """The `limit` newest of what is pending for `camera`, oldest first."""
        stored, spare = self._pending(camera, "ORDER BY seq DESC", limit)
        return (stored[::-1] + spare)[-limit:]

    def _pending(self, camera: str, order: str, limit: int) -> tuple[list[Event], list[Event]]:
        """At most `limit` of the disk's pending events, and those in memory alone, which are newer."""
        with self._lock:
            if self._spare and time.monotonic() >= self._retry_at_s:
                self._catch_up()
            marks = self._marks
            spare = [event for event in self._spare.values() if event.camera == camera]

            def find(connection: sqlite3.Connection) -> list[Event]:
                rows = connection.execute(
                    f"SELECT id, body FROM events WHERE camera = ? AND delivered_at IS NULL {order}",  # noqa: S608
                    (camera,),
                )
                return list(islice(_readable(row for row in rows if row[0] not in marks), limit))

            try:
                stored = self.database.read(find)
            except StoreError:
                if self.database.closed or not spare:
                    raise
                stored = []
            return stored, [event for event in spare if event.id not in marks]

    def mark_delivered(self, *event_ids: str) -> None:
        """Note that the broker acknowledged the events, now, in one write; the first time counts.

        While the disk takes nothing the mark is kept in memory, so that the event is not handed out again.
        """
        with self._lock:
            now = datetime.now(timezone.utc).isoformat()
            for event_id in event_ids:
                self._marks.setdefault(event_id, now)
            self._catch_up()

    def events(self, incident: str | None = None) -> list[Event]:
        """All events, or those of one incident, oldest first."""
        where, values = ("", ()) if incident is None else ("WHERE incident = ?", (incident,))
        statement = f"SELECT id, body FROM events {where} ORDER BY seq"  # noqa: S608 - our own words
        return self.database.read(lambda connection: list(_readable(connection.execute(statement, values))))

    def close(self) -> None:
        """Let go of the file; every later call but this raises StoreError."""
        with self._lock:
            if not self.database.closed:
                self._catch_up()
            self.database.close()

    def _keep_in_memory(self, event: Event, error: StoreError) -> Event:
        self.failure = str(error)
        logger.error("%s; event %s is kept in memory alone", error, event.id)
        spared = self._spare.setdefault(event.id, replace(event, durable=False))
        while len(self._spare) > SPARE_EVENTS:
            oldest = next(iter(self._spare))
            del self._spare[oldest]
            self._marks.pop(oldest, None)
            self.lost += 1
        return spared

    def _catch_up(self) -> None:
        """Write what is in memory alone, if the disk lets us."""
        spare, marks = list(self._spare.values()), dict(self._marks)
        if not spare and not marks:
            return

        def work(connection: sqlite3.Connection) -> None:
            for event in spare:
                _insert(connection, event, pack(event))
            connection.executemany(
                "UPDATE events SET delivered_at = ? WHERE id = ? AND delivered_at IS NULL",
                [(at, event_id) for event_id, at in marks.items()],
            )

        try:
            self.database.write(work)
        except StoreError as error:
            if self.database.closed:
                raise
            self._retry_at_s = time.monotonic() + RETRY_S
            logger.warning("%s; %d events and %d marks stay in memory", error, len(spare), len(marks))
            return
        self._spare.clear()
        self._marks.clear()


def _insert(connection: sqlite3.Connection, event: Event, body: bytes) -> None:
    row = (event.id, event.incident, event.camera, str(event.level), event.time.isoformat(), body)
    done = connection.execute(
        "INSERT INTO events (id, incident, camera, level, time, body) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO NOTHING",
        row,
    )
    if done.rowcount:
        note_incident(connection, event)


def _readable(rows: Iterator[tuple[str, bytes]]) -> Iterator[Event]:
    """The events of the rows; one that cannot be read must not hold up those behind it."""
    events = (_event(event_id, body) for event_id, body in rows)
    return (event for event in events if event is not None)


def _event(event_id: str, body: bytes) -> Event | None:
    try:
        return unpack(body)
    except ValueError as error:
        logger.error("event %s in the store cannot be read: %s", event_id, error)
        return None
