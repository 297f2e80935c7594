"""Taking an incident out of the store: as an archive, or for good."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

from vad_edge.errors import ConfigError, PathError, StoreError
from vad_edge.events.audit import Action, audit_rows, note
from vad_edge.events.event import to_cloudevent
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.evidence.files import EvidenceFile, EvidenceFiles


@dataclass(frozen=True, slots=True)
class Disposal:
    """What was exported or deleted; missing are files that were noted but not there any more."""

    incident: str
    events: int
    files: int
    bytes: int
    missing: tuple[str, ...] = ()


def export_incident(
    store: EventStore, incident: str, target: Path, *, who: str, reason: str = ""
) -> Disposal:
    """Write a zip with ``events.json`` (incident, events, evidence, audit) and the files; the audit notes it.

    incident is the beginning of an id. The zip appears whole or not at all, for its owner alone.
    Raises ConfigError where there is no such incident or the target is there already, StoreError where it
    cannot be written.
    """
    found = Incidents(store.database).get(incident)
    evidence_files = EvidenceFiles(store.database)
    files = evidence_files.of(found.id)
    there = [file for file in files if _is_there(evidence_files, file)]
    missing = tuple(file.name for file in files if file not in there)
    events = store.events(found.id)
    story = {
        "incident": found.to_dict(),
        "events": [to_cloudevent(event) for event in events],
        "evidence": [{**file.to_dict(), "missing": file.name in missing} for file in files],
        "audit": [asdict(row) for row in audit_rows(store.database, found.id)],
    }
    if target.exists():
        raise ConfigError("there is such a file already", where=str(target), fix="give another --output")
    draft = target.with_name(f".{target.name}")
    try:
        _write_zip(draft, json.dumps(story, indent=2, ensure_ascii=False), evidence_files, there)
        draft.replace(target)
    except OSError as error:
        raise StoreError(f"the archive cannot be written: {error}", where=str(target)) from error
    finally:
        draft.unlink(missing_ok=True)
    done = Disposal(found.id, len(events), len(there), sum(file.bytes for file in there), missing)
    store.database.write(lambda connection: _note(connection, "exported", done, who=who, reason=reason))
    return done


def _is_there(evidence_files: EvidenceFiles, file: EvidenceFile) -> bool:
    try:
        return evidence_files.path(file).is_file()
    except PathError:
        return False


def delete_incident(store: EventStore, incident: str, *, who: str, reason: str = "") -> Disposal:
    """Delete an incident with its events and evidence; what stays is a row in the audit.

    incident is the beginning of an id. Raises ConfigError where there is no such incident, StoreError where
    its files cannot be removed; its rows are then still there.
    """
    found = Incidents(store.database).get(incident)
    evidence_files = EvidenceFiles(store.database)
    files = evidence_files.of(found.id)
    try:
        evidence_files.remove_files(found.id)
    except (OSError, PathError) as error:
        raise StoreError(
            f"its evidence cannot be removed: {error}", where=found.id, fix="check the folder's rights"
        ) from error

    def work(connection: sqlite3.Connection) -> Disposal:
        connection.execute("DELETE FROM evidence WHERE incident = ?", (found.id,))
        events = connection.execute("DELETE FROM events WHERE incident = ?", (found.id,)).rowcount
        connection.execute("DELETE FROM incidents WHERE id = ?", (found.id,))
        done = Disposal(found.id, events, len(files), sum(file.bytes for file in files))
        _note(connection, "deleted", done, who=who, reason=reason)
        return done

    done = store.database.write(work)
    # Until now the pages of before stand in the write-ahead log.
    store.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    return done


def _note(connection: sqlite3.Connection, action: Action, done: Disposal, *, who: str, reason: str) -> None:
    """Leave a row of what was done with an incident in the audit."""
    counts = {"files": done.files, "size": done.bytes, "events": done.events}
    note(connection, action, done.incident, who=who, reason=reason, **counts)


def _write_zip(path: Path, story: str, evidence_files: EvidenceFiles, files: list[EvidenceFile]) -> None:
    path.touch(mode=0o600)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("events.json", story)
        for file in files:
            archive.write(evidence_files.path(file), Path(file.name).name)
