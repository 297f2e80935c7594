"""Disk space held back for the moment when there is none."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from vad_edge.events.event import unpack

_log = logging.getLogger(__name__)

RESERVE_BYTES = 8 << 20
"""Room for a few thousand events and the log SQLite writes before them."""
_RETRY_S = 30.0


class Reserve:
    """A preallocated file that is given up when the disk is full, and taken again when there is room."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self.path = path
        self._size = size
        self._tried_s = -_RETRY_S

    @property
    def held(self) -> bool:
        """Whether the space is held back."""
        try:
            return self.path.stat().st_size == self._size
        except OSError:
            return False

    def hold(self) -> None:
        """Hold the space back if it is not, and there is as much again; looked at twice a minute."""
        if self.held or time.monotonic() - self._tried_s < _RETRY_S:
            return
        self._tried_s = time.monotonic()
        try:
            if shutil.disk_usage(self.path.parent).free < 2 * self._size:
                return
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as error:
            _log.warning("%s: no disk space could be held back: %s", self.path, error)

    def release(self) -> bool:
        """Give the space up; whether there was any."""
        if not self.held:
            return False
        try:
            self.path.unlink()
        except OSError:
            return False
        _log.error("%s: the disk is full; the space held back for events is used now", self.path.parent)
        self._tried_s = time.monotonic()
        return True


_TABLES = {
    "events": ("seq", "id", "incident", "camera", "level", "time", "body", "delivered_at"),
    "incidents": (
        "seq",
        "id",
        "camera",
        "opened",
        "closed",
        "ending",
        "peak_level",
        "peak_risk",
        "verdict",
        "verdict_by",
        "verdict_at",
        "verdict_note",
        "ending_reason",
    ),
    "evidence": ("seq", "incident", "camera", "kind", "name", "sha256", "bytes", "kept_at", "boot", "boot_s"),
    "audit": ("seq", "at", "action", "incident", "who", "reason", "files", "bytes", "events"),
}


def salvage(damaged: Path, connection: sqlite3.Connection) -> int:
    """Copy the rows of `damaged` that can be read into a new database; how many events came over.

    An event whose text is not whole stays behind: nothing is made up.
    """
    saved = 0
    with closing(sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=ro", uri=True)) as old:
        for table, columns in _TABLES.items():
            marks = ", ".join("?" * len(columns))
            insert = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
            for row in _rows(old, table, columns):
                if table == "events" and not _whole(row):
                    continue
                try:
                    done = connection.execute(insert, row)
                except sqlite3.InterfaceError:  # a value of a kind no column holds
                    continue
                saved += done.rowcount if table == "events" else 0
    return saved


def _rows(old: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """The rows up to the first broken page, then those behind the last, from the end."""
    known = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    chosen = [name if not known or name in known else f"NULL AS {name}" for name in columns]
    for order in ("ASC", "DESC"):
        statement = f"SELECT {', '.join(chosen)} FROM {table} ORDER BY seq {order}"  # noqa: S608
        try:
            yield from old.execute(statement)
        except sqlite3.Error:
            continue
        return


def _whole(row: tuple[Any, ...]) -> bool:
    _, event_id, incident, camera, *_, body, _ = row
    try:
        event = unpack(body)
    except ValueError:
        return False
    return (event.id, event.incident, event.camera) == (event_id, incident, camera)
