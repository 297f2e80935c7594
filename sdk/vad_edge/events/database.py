"""One SQLite file that is opened, checked, migrated, and replaced where it is damaged."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, TypeVar

from vad_edge.errors import ConfigError, StoreError
from vad_edge.events.migrations import MIGRATIONS, add_columns
from vad_edge.events.recovery import Reserve, salvage

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_RUN_REPAIRS = "the next run keeps it aside and begins a new one with what can be read"


@dataclass(frozen=True, slots=True)
class Contents:
    """What is kept in a file: what it is called, the mark of its owner, how it is brought up to date.

    Anything else than a file with this application_id is moved out of the way. complete runs after the
    migrations at every start. salvage copies what can be read of a damaged file, and counts it. With reserve
    space is held back for the moment when the disk is full.
    """

    name: str
    application_id: int
    migrations: Sequence[Callable[[sqlite3.Connection], object]]
    complete: Callable[[sqlite3.Connection], object] = lambda connection: None
    salvage: Callable[[Path, sqlite3.Connection], int] = lambda damaged, connection: 0
    reserve: bool = False


EVENTS: Final = Contents("event store", 0x76616465, MIGRATIONS, add_columns, salvage, reserve=True)  # "vade"


class _NotOursError(Exception):
    """What lies at the path is no database, a damaged one, or one of another program."""


class Database:
    """A connection that any number of threads may use, and that outlives a damaged file and a full disk.

    With repair, the folder and the file are created; a file that is damaged or not ours, now or later, is
    renamed to ``NAME.corrupt-<time>`` and a new one begun with what can still be read of it (`quarantined`
    says where the old one lies); and space is held back for the moment when the disk is full. Without it a
    file must be there (ConfigError), and is left as it is. Raises StoreError when the place cannot be used or
    a newer version wrote the file; a patient one takes a place that cannot be used for a disk that may come
    back, and tries again at every call.
    """

    def __init__(
        self, path: Path, contents: Contents = EVENTS, *, repair: bool = True, patient: bool = False
    ) -> None:
        self.path = path
        self._contents = contents
        self.quarantined: Path | None = None
        self.closed = False
        self.reserve = Reserve(path.with_name(f"{path.name}.reserve"))
        self._repair = repair
        self._lock = threading.Lock()
        self._open_connection: sqlite3.Connection | None = None
        try:
            self._open_connection = self._opened()
        except (OSError, sqlite3.Error) as error:
            if not patient:
                raise StoreError(
                    f"cannot open the {contents.name}: {error}",
                    where=str(path),
                    fix="check the folder and its disk",
                ) from error
            logger.error("%s: %s; going on without", path, error)
        if self._open_connection is not None:
            self._hold_reserve()

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """What `work` finds. It may run a second time, on a new file, if the first is damaged."""
        return self._attempt(lambda: work(self._connection))

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do `work` as one transaction; it is on the disk when this returns. It may run a second time."""
        result = self._attempt(lambda: self._transact(work))
        self._hold_reserve()
        return result

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows that a statement finds."""
        return self.read(lambda connection: connection.execute(statement, values).fetchall())

    def change(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Carry out one statement as a transaction."""
        self.write(lambda connection: connection.execute(statement, values))

    def close(self) -> None:
        """Let go of the file; every later call but this raises StoreError."""
        with self._lock:
            self.closed = True
            if self._open_connection is not None:
                self._open_connection.close()

    def _hold_reserve(self) -> None:
        if self._repair and self._contents.reserve:
            self.reserve.hold()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open_connection is None:
            if self.closed:
                raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
            self._open_connection = self._opened()
        return self._open_connection

    def _attempt(self, attempt: Callable[[], Result]) -> Result:
        with self._lock:
            try:
                try:
                    return attempt()
                except sqlite3.Error as error:
                    if not self._repaired(error):
                        raise
                return attempt()
            except (OSError, sqlite3.Error) as error:
                raise StoreError(
                    f"the {self._contents.name} failed: {error}", where=str(self.path), fix=self._fix(error)
                ) from error

    def _fix(self, error: Exception) -> str:
        if _is_damage(error) and not self._repair:
            return _RUN_REPAIRS
        # SQLite's own codes come with Python 3.11 only.
        full = "full" in str(error) or (isinstance(error, OSError) and error.errno == errno.ENOSPC)
        return "make room on its disk" if full else "check its disk"

    def _transact(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _repaired(self, error: sqlite3.Error) -> bool:
        """Whether something was done about `error` that makes a second attempt worth while."""
        if not self._repair or self.closed:
            return False
        if _is_damage(error):
            self._connection.close()
            self._open_connection = self._replaced(str(error))
            return True
        return "full" in str(error) and self.reserve.release()

    def _opened(self) -> sqlite3.Connection:
        if self._repair:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        elif not self.path.exists():
            raise ConfigError(
                f"there is no {self._contents.name}", where=str(self.path), fix="give the folder of the run"
            )
        try:
            return _open(self.path, self._contents, check=self._repair)
        except _NotOursError as reason:
            if not self._repair:
                raise StoreError(str(reason), where=str(self.path), fix=_RUN_REPAIRS) from reason
            return self._replaced(str(reason))

    def _replaced(self, reason: str) -> sqlite3.Connection:
        kept = self.quarantined = _quarantine(self.path)
        connection = _open(self.path, self._contents, check=False)
        saved = _saved(kept, connection, self._contents)
        logger.error(
            "%s: %s; kept as %s, a new one begins with %d of its events", self.path, reason, kept, saved
        )
        return connection


def _is_damage(error: Exception) -> bool:
    # Its subclasses are the world's trouble (disk full, locked); the bare type says the file is bad.
    return type(error) is sqlite3.DatabaseError


def _open(path: Path, contents: Contents, *, check: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path, contents, check)
    except sqlite3.DatabaseError as error:
        connection.close()
        if _is_damage(error):
            raise _NotOursError(str(error)) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, contents: Contents, check: bool) -> None:
    """See that the file is ours and, with check, whole; bring it to the newest schema."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone() if check else ("ok",)
    if verdict != "ok":
        raise _NotOursError(f"the database is damaged ({verdict})")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and owner != contents.application_id:
        raise _NotOursError("the database belongs to another program")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    newest = len(contents.migrations)
    if version > newest:
        raise StoreError(
            f"the {contents.name} has schema {version}, this version knows {newest}",
            where=str(path),
            fix="update vad-edge, or give another folder",
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # What is deleted is deleted: its bytes are overwritten, not left in a free page.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("BEGIN IMMEDIATE")
    # Asked again under the lock: another process may have been quicker.
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for step in contents.migrations[version:]:
        step(connection)
    contents.complete(connection)
    connection.execute(f"PRAGMA application_id = {contents.application_id}")
    connection.execute(f"PRAGMA user_version = {newest}")
    connection.execute("COMMIT")


def _saved(damaged: Path, connection: sqlite3.Connection, contents: Contents) -> int:
    connection.execute("BEGIN IMMEDIATE")
    try:
        saved = contents.salvage(damaged, connection)
    except sqlite3.Error:
        # Not even its list of tables can be read.
        connection.execute("ROLLBACK")
        return 0
    connection.execute("COMMIT")
    return saved


def _quarantine(path: Path) -> Path:
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%fZ")
    kept = path.with_name(f"{path.name}.corrupt-{now}")
    path.rename(kept)
    for suffix in ("-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(kept.with_name(kept.name + suffix))
    return kept
