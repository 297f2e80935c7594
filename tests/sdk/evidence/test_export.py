from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vad_edge.errors import ConfigError, StoreError
from vad_edge.events.audit import audit_rows
from vad_edge.events.event import Event, from_cloudevent
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.evidence.export import delete_incident, export_incident
from vad_edge.evidence.files import EvidenceFiles

Story = Callable[..., list[Event]]


@pytest.fixture
def kept(store: EventStore, story: Story) -> list[Event]:
    """An incident with two files of evidence, and another one."""
    first, second = story("front"), story("back")
    for event in (*first, *second):
        store.add(event)
    evidence_files = EvidenceFiles(store.database)
    evidence_files.keep(first[0].incident, "front", "picture", "picture.jpg", b"jpeg")
    evidence_files.keep(first[0].incident, "front", "clip", "clip.webm", b"film")
    evidence_files.keep(second[0].incident, "back", "picture", "picture.jpg", b"other")
    return first


def test_an_export_holds_the_whole_story_and_the_audit_notes_it(
    store: EventStore, kept: list[Event], tmp_path: Path
) -> None:
    target = tmp_path / "report.zip"
    done = export_incident(store, kept[0].incident, target, who="ann", reason="for the police")
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == ["clip.webm", "events.json", "picture.jpg"]
        assert archive.read("clip.webm") == b"film"
        told = json.loads(archive.read("events.json"))
    assert [from_cloudevent(event) for event in told["events"]] == kept
    assert told["incident"]["id"] == kept[0].incident
    assert [file["kind"] for file in told["evidence"]] == ["picture", "clip"]
    assert (done.events, done.files, done.bytes, done.missing) == (4, 2, 8, ())
    (row,) = audit_rows(store.database, kept[0].incident)
    assert (row.action, row.who, row.reason, row.files) == ("exported", "ann", "for the police", 2)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_an_export_says_which_file_is_not_there_any_more(
    store: EventStore, kept: list[Event], tmp_path: Path
) -> None:
    evidence_files = EvidenceFiles(store.database)
    evidence_files.path(evidence_files.of(kept[0].incident)[1]).unlink()
    done = export_incident(store, kept[0].incident, tmp_path / "report.zip", who="ann")
    assert done.missing == (f"{kept[0].incident}/clip.webm",)


def test_an_export_replaces_no_file_and_leaves_none_half_written(
    store: EventStore, kept: list[Event], tmp_path: Path
) -> None:
    target = tmp_path / "report.zip"
    target.write_text("mine")
    with pytest.raises(ConfigError, match="there is such a file already"):
        export_incident(store, kept[0].incident, target, who="ann")
    assert target.read_text() == "mine"
    with pytest.raises(StoreError, match="the archive cannot be written"):
        export_incident(store, kept[0].incident, tmp_path / "nowhere" / "a.zip", who="ann")
    assert audit_rows(store.database) == []


def test_deleting_takes_rows_and_files_and_leaves_one_row_in_the_audit(
    store: EventStore, kept: list[Event], story: Story
) -> None:
    incident = kept[0].incident
    done = delete_incident(store, incident[:-1], who="ann", reason="asked for")
    assert (done.events, done.files, done.bytes) == (4, 2, 8)
    assert store.events(incident) == []
    assert EvidenceFiles(store.database).of(incident) == []
    assert not (EvidenceFiles(store.database).folder / incident).exists()
    with pytest.raises(ConfigError, match="no such incident"):
        Incidents(store.database).get(incident)
    (row,) = audit_rows(store.database)
    assert (row.action, row.incident, row.who, row.files, row.events) == ("deleted", incident, "ann", 2, 4)
    assert len(store.events()) == 4


def test_what_is_deleted_cannot_be_read_from_the_files_of_the_store(
    store: EventStore, kept: list[Event]
) -> None:
    told = kept[0].id.encode()
    files = [store.path, store.path.with_name("events.db-wal")]
    assert any(told in path.read_bytes() for path in files)
    delete_incident(store, kept[0].incident, who="ann")
    assert not any(told in path.read_bytes() for path in files)


def test_a_folder_that_cannot_be_removed_keeps_its_rows(
    store: EventStore, kept: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(evidence_files: EvidenceFiles, incident: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(EvidenceFiles, "remove_files", refuse)
    with pytest.raises(StoreError, match=r"its evidence cannot be removed: .*Permission denied"):
        delete_incident(store, kept[0].incident, who="ann")
    assert len(store.events(kept[0].incident)) == 4
    assert audit_rows(store.database) == []
