"""The evidence of one store on disk: files in a folder beside it, and a row for each."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vad_edge.common.files import write_atomically
from vad_edge.common.paths import inside
from vad_edge.errors import PathError, StoreError
from vad_edge.events.audit import RETENTION, note
from vad_edge.events.database import Database
from vad_edge.evidence.retention import UNLIMITED, Instant, Kept, Limits, Reason, doomed, redated

_log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STRAY_S = 600.0
_DRAFT = "."


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of evidence: what it is (``picture``, ``clip``, ...), and where it lies in their folder."""

    incident: str
    camera: str
    kind: str
    name: str
    sha256: str
    bytes: int
    kept_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "kept_at": self.kept_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }


class EvidenceFiles:
    """Keeps files under ``evidence/<incident>/`` beside the database, and takes them away again.

    A file is whole when it has its name, and has its row after that; what a crash left without a row goes at
    the next `sweep_strays`. Only the owner may read any of it. limits are for those who keep; without
    them nothing has to go. Raises OSError and StoreError.
    """

    def __init__(self, database: Database, limits: Limits = UNLIMITED) -> None:
        self._database = database
        self._limits = limits
        self.folder = database.path.parent / "evidence"

    def keep(self, incident: str, camera: str, kind: str, name: str, data: bytes) -> None:
        """Write a file of an incident, durably."""
        path = inside(self._place(incident), name)
        write_atomically(path, data)
        path.chmod(0o600)
        self._note(incident, camera, kind, path, hashlib.sha256(data).hexdigest(), len(data))

    def draft(self, incident: str, suffix: str) -> Path:
        """A path for a file that is still being written; `adopt` or remove it."""
        return self._place(incident) / f"{_DRAFT}{secrets.token_hex(4)}{suffix}"

    def adopt(self, incident: str, camera: str, kind: str, name: str, draft: Path) -> None:
        """Give a draft that is whole its name and its row."""
        digest = hashlib.sha256()
        with draft.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
            os.fsync(file.fileno())
            size = file.tell()
        draft.chmod(0o600)
        path = draft.with_name(name)
        draft.replace(path)
        self._note(incident, camera, kind, path, digest.hexdigest(), size)

    def of(self, incident: str) -> list[EvidenceFile]:
        """The files of an incident, in the order they were kept."""
        rows = self._database.rows(
            "SELECT incident, camera, kind, name, sha256, bytes, kept_at FROM evidence"
            " WHERE incident = ? ORDER BY seq",
            (incident,),
        )
        return [
            EvidenceFile(name, camera, kind, path, digest, size, datetime.fromtimestamp(at, timezone.utc))
            for name, camera, kind, path, digest, size, at in rows
        ]

    def path(self, file: EvidenceFile) -> Path:
        """Where a file lies. Raises PathError for a row whose name leaves the folder of evidence."""
        return inside(self.folder, file.name)

    def remove_files(self, incident: str) -> None:
        """Take an incident's folder away; the rows are the caller's."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(inside(self.folder, incident))

    def make_room(self) -> int:
        """Take away what is too old or too much, oldest first, with an audit row an incident; how many files.

        Evidence noted before the wall clock was set gets the time it had by the clock as it is now.
        """
        now = instant()
        rows = self._database.rows(
            "SELECT seq, bytes, kept_at, boot, boot_s, incident, name FROM evidence ORDER BY seq"
        )
        named = {row[0]: (row[5], row[6]) for row in rows}
        kept = [Kept(seq, size, Instant(wall, boot, boot_s)) for seq, size, wall, boot, boot_s, *_ in rows]
        self._redate(kept, now)
        gone = doomed(kept, now, self._limits, self._free())
        for entry, _ in gone:
            try:
                path = inside(self.folder, named[entry.seq][1])
            except PathError as error:
                _log.error("evidence is forgotten and not removed: %s", error)
                continue
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        if gone:
            self._forget(gone, named)
        return len(gone)

    def sweep_strays(self) -> int:
        """Take away files without a row, which a crash or a damaged database has left; how many."""
        known = {name for (name,) in self._database.rows("SELECT name FROM evidence")}
        strays = [
            path
            for path in self.folder.glob("*/*")
            if path.is_file() and str(path.relative_to(self.folder)) not in known and _settled(path)
        ]
        for path in strays:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        if strays:
            _log.warning("%s: %d files that belong to no incident are removed", self.folder, len(strays))
        return len(strays)

    def _place(self, incident: str) -> Path:
        floor = self._limits.floor_bytes
        if self._free() < floor:
            self.make_room()
            if self._free() < floor:
                raise StoreError(
                    f"less than {floor >> 20} MB are free, so no evidence is kept",
                    where=str(self.folder),
                    fix="make room, or lower evidence.free_mb",
                )
        folder = inside(self.folder, incident)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _free(self) -> int:
        return shutil.disk_usage(self._database.path.parent).free

    def _note(self, incident: str, camera: str, kind: str, path: Path, digest: str, size: int) -> None:
        now = instant()
        name = str(path.relative_to(self.folder))
        self._database.change(
            "INSERT OR REPLACE INTO evidence"
            " (incident, camera, kind, name, sha256, bytes, kept_at, boot, boot_s)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (incident, camera, kind, name, digest, size, now.wall_s, now.boot, now.boot_s),
        )

    def _redate(self, kept: Sequence[Kept], now: Instant) -> None:
        dated = [(redated(entry.at, now), entry) for entry in kept]
        moved = [(at.wall_s, entry.seq) for at, entry in dated if at != entry.at]
        if moved:
            self._database.write(
                lambda connection: connection.executemany(
                    "UPDATE evidence SET kept_at = ? WHERE seq = ?", moved
                )
            )

    def _forget(self, gone: Sequence[tuple[Kept, Reason]], named: dict[int, tuple[str, str]]) -> None:
        by_incident: dict[tuple[str, Reason], list[Kept]] = {}
        for entry, reason in gone:
            by_incident.setdefault((named[entry.seq][0], reason), []).append(entry)

        def work(connection: sqlite3.Connection) -> None:
            for (incident, reason), entries in by_incident.items():
                connection.executemany(
                    "DELETE FROM evidence WHERE seq = ?", [(entry.seq,) for entry in entries]
                )
                size = sum(entry.bytes for entry in entries)
                files = len(entries)
                note(connection, "expired", incident, who=RETENTION, reason=reason, files=files, size=size)

        self._database.write(work)


def _settled(path: Path) -> bool:
    """Whether no other process, such as another run on the same store, is likely to be writing the file."""
    return abs(time.time() - path.stat().st_mtime) > STRAY_S


def instant() -> Instant:
    """Now, by the wall clock and since the boot."""
    boot = BOOT_ID.read_text(encoding="ascii").strip() if BOOT_ID.exists() else ""
    return Instant(time.time(), boot, time.clock_gettime(time.CLOCK_BOOTTIME))
