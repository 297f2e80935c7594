from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from vad_edge.errors import StoreError
from vad_edge.events.audit import audit_rows
from vad_edge.events.store import EventStore
from vad_edge.evidence import files as files_module
from vad_edge.evidence.files import EvidenceFiles, instant
from vad_edge.evidence.retention import Instant, Limits

DAY = 86_400.0


@pytest.fixture
def evidence_files(store: EventStore) -> EvidenceFiles:
    return EvidenceFiles(store.database)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the moment that files note: days since the test began, another boot, a wall clock that is off."""
    start = instant()

    def at(days: float, boot: str = "first", wall_off_s: float = 0.0) -> None:
        now = Instant(start.wall_s + days * DAY + wall_off_s, boot, 100.0 + days * DAY)
        monkeypatch.setattr(files_module, "instant", lambda: now)

    at(0)
    return at


def names(evidence_files: EvidenceFiles) -> set[str]:
    return {
        str(path.relative_to(evidence_files.folder))
        for path in evidence_files.folder.rglob("*")
        if path.is_file()
    }


def test_a_file_is_there_with_its_hash_and_for_its_owner_alone(evidence_files: EvidenceFiles) -> None:
    evidence_files.keep("i-1", "front", "picture", "picture.jpg", b"jpeg")
    (file,) = evidence_files.of("i-1")
    path = evidence_files.path(file)
    assert path.read_bytes() == b"jpeg"
    assert (file.kind, file.camera, file.bytes) == ("picture", "front", 4)
    assert file.sha256 == hashlib.sha256(b"jpeg").hexdigest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert evidence_files.of("i-2") == []


def test_a_draft_becomes_a_file_when_it_is_whole(evidence_files: EvidenceFiles) -> None:
    draft = evidence_files.draft("i-1", ".webm")
    draft.write_bytes(b"x" * 3_000_000)
    assert evidence_files.of("i-1") == []
    evidence_files.adopt("i-1", "front", "clip", "clip.webm", draft)
    (file,) = evidence_files.of("i-1")
    assert (file.name, file.bytes) == ("i-1/clip.webm", 3_000_000)
    assert file.sha256 == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert names(evidence_files) == {"i-1/clip.webm"}


def test_what_is_too_old_goes_with_an_audit_row_an_incident(
    store: EventStore, clock: Callable[..., None]
) -> None:
    evidence_files = EvidenceFiles(store.database, Limits(3 * DAY, 10**9, 0))
    evidence_files.keep("old", "front", "picture", "a.jpg", b"aaaa")
    evidence_files.keep("old", "front", "clip", "c.webm", b"cc")
    clock(2)
    evidence_files.keep("new", "front", "picture", "b.jpg", b"b")
    assert evidence_files.make_room() == 0
    clock(3.5)
    assert evidence_files.make_room() == 2
    assert names(evidence_files) == {"new/b.jpg"}
    assert not (evidence_files.folder / "old").exists()
    (row,) = audit_rows(store.database)
    assert (row.action, row.incident, row.who, row.reason) == ("expired", "old", "retention", "age")
    assert (row.files, row.bytes) == (2, 6)


def test_a_clock_that_was_set_meanwhile_neither_keeps_nor_takes_evidence(
    store: EventStore, clock: Callable[..., None]
) -> None:
    evidence_files = EvidenceFiles(store.database, Limits(3 * DAY, 10**9, 0))
    clock(0, wall_off_s=-20_000 * DAY)
    evidence_files.keep("i-1", "front", "picture", "a.jpg", b"a")
    clock(1)
    assert evidence_files.make_room() == 0
    clock(2.5, boot="second")
    assert evidence_files.make_room() == 0
    clock(3.5, boot="second")
    assert evidence_files.make_room() == 1


def test_the_quota_takes_the_oldest(store: EventStore) -> None:
    evidence_files = EvidenceFiles(store.database, Limits(3 * DAY, 25, 0))
    for number in range(4):
        evidence_files.keep(f"i-{number}", "front", "picture", "a.jpg", bytes(10))
    assert evidence_files.make_room() == 2
    assert names(evidence_files) == {"i-2/a.jpg", "i-3/a.jpg"}
    assert [row.reason for row in audit_rows(store.database)] == ["size", "size"]


def test_below_the_floor_old_evidence_goes_and_no_new_one_comes(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence_files = EvidenceFiles(store.database, Limits(3 * DAY, 10**9, 50 << 20))
    evidence_files.keep("i-1", "front", "picture", "a.jpg", b"a")
    monkeypatch.setattr(evidence_files, "_free", lambda: 10 << 20)
    with pytest.raises(StoreError, match=r"less than 50 MB are free, so no evidence is kept; make room"):
        evidence_files.keep("i-2", "front", "picture", "b.jpg", b"b")
    assert names(evidence_files) == set()
    (row,) = audit_rows(store.database)
    assert row.reason == "disk space"


def test_a_file_that_is_gone_already_does_not_stop_retention(store: EventStore) -> None:
    evidence_files = EvidenceFiles(store.database, Limits(3 * DAY, 1, 0))
    evidence_files.keep("i-1", "front", "picture", "a.jpg", b"aa")
    evidence_files.path(evidence_files.of("i-1")[0]).unlink()
    assert evidence_files.make_room() == 1
    assert evidence_files.of("i-1") == []


def test_strays_of_a_crash_are_removed_and_fresh_drafts_are_not(evidence_files: EvidenceFiles) -> None:
    evidence_files.keep("i-1", "front", "picture", "a.jpg", b"a")
    old = evidence_files.draft("i-2", ".mp4")
    old.write_bytes(b"half a clip")
    os.utime(old, (1e9, 1e9))
    fresh = evidence_files.draft("i-3", ".mp4")
    fresh.write_bytes(b"being written")
    assert evidence_files.sweep_strays() == 1
    assert names(evidence_files) == {"i-1/a.jpg", f"i-3/{fresh.name}"}


def test_a_folder_that_was_never_used_has_nothing_to_tidy(evidence_files: EvidenceFiles) -> None:
    assert evidence_files.sweep_strays() == 0
    assert evidence_files.make_room() == 0
    evidence_files.remove_files("i-1")
    assert not evidence_files.folder.exists()


def test_this_machine_has_a_boot_of_its_own() -> None:
    first, second = instant(), instant()
    assert first.boot == second.boot
    assert second.boot_s >= first.boot_s > 0
    assert Path("/proc/uptime").read_text().split()[0].startswith(str(int(first.boot_s))[:2])
