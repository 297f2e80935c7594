from __future__ import annotations

import json
import logging
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vad_edge.errors import StoreError
from vad_edge.events.event import Event, to_cloudevent
from vad_edge.events.store import EventStore

Story = Callable[..., list[Event]]


def sql(path: Path, statement: str) -> list[tuple]:
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(statement).fetchall()
        connection.commit()
        return rows
    finally:
        connection.close()


def test_events_wait_oldest_first_for_their_camera_until_delivered(store: EventStore, story: Story) -> None:
    front, back = story("front"), story("back")
    for event in (*front, *back):
        store.add(event)
    store.mark_delivered(front[0].id)
    assert store.pending("front", limit=2) == front[1:3]
    assert store.pending("back") == back
    assert store.events() == front + back


def test_an_event_added_twice_is_kept_once_and_stays_delivered(store: EventStore, story: Story) -> None:
    event = story()[0]
    store.add(event)
    store.mark_delivered(event.id)
    store.add(replace(event, risk=99.0))
    assert store.events() == [event]
    assert store.pending("front") == []


def test_an_event_that_was_rolled_up_is_kept_and_never_pending(store: EventStore, story: Story) -> None:
    first, second, *_ = story()
    store.add(first)
    store.add(second)
    store.mark_rolled_up(first.id)
    assert store.pending("front") == [second]
    assert store.events() == [first, second]


def test_events_survive_closing(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "events.db"
    events = story()
    first = EventStore(path)
    for event in events:
        first.add(event)
    first.mark_delivered(events[0].id)
    first.close()
    second = EventStore(path)
    assert second.pending("front") == events[1:]
    assert second.quarantined is None
    second.close()


def test_a_commit_reaches_the_disk_before_add_returns(store: EventStore) -> None:
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_threads_share_one_store(store: EventStore, story: Story) -> None:
    stories = [story(f"camera-{number}") for number in range(6)]

    def work(events: list[Event]) -> None:
        for event in events:
            store.add(event)
            store.mark_delivered(event.id)

    threads = [threading.Thread(target=work, args=(events,)) for events in stories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.events()) == 24
    assert all(store.pending(events[0].camera) == [] for events in stories)


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from vad_edge.events.event import from_cloudevent
from vad_edge.events.store import EventStore
import json
event = from_cloudevent(json.loads(sys.stdin.readline()))
store = EventStore(Path(sys.argv[1]))
for number in range(1_000_000):
    store.add(replace(event, id=f"event-{number}"))
    sys.stdout.write(f"event-{number}\\n")
    sys.stdout.flush()
"""


def test_a_killed_writer_leaves_every_event_whose_add_returned(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "events.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(json.dumps(to_cloudevent(story()[0])) + "\n")
        writer.stdin.flush()
        told = [writer.stdout.readline().strip() for _ in range(200)]
        writer.send_signal(signal.SIGKILL)
        told += [line.strip() for line in writer.stdout if line.endswith("\n")]
    assert writer.returncode == -signal.SIGKILL

    store = EventStore(path)
    kept = [event.id for event in store.events()]
    store.close()
    assert store.quarantined is None
    assert kept[: len(told)] == told
    assert len(kept) <= len(told) + 1


def test_a_damaged_file_is_kept_aside_and_a_new_store_begun(
    tmp_path: Path, story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "events.db"
    path.write_bytes(b"this is no database, though it is long enough to be taken for one" * 20)
    store = EventStore(path)
    store.add(story()[0])
    store.close()
    assert store.quarantined is not None
    assert store.quarantined.name.startswith("events.db.corrupt-")
    assert store.quarantined.read_bytes().startswith(b"this is no database")
    assert "a new store begins" in caplog.text


def test_a_store_with_a_broken_page_is_kept_aside(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "events.db"
    store = EventStore(path)
    for _ in range(10):
        for event in story():
            store.add(event)
    store.close()
    body = bytearray(path.read_bytes())
    body[4096 : len(body)] = b"\xa5" * (len(body) - 4096)
    path.write_bytes(body)
    again = EventStore(path)
    assert again.quarantined is not None
    assert again.events() == []
    again.close()


def test_another_programs_database_is_kept_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    sql(path, "CREATE TABLE recipes (name TEXT)")
    store = EventStore(path)
    store.close()
    assert store.quarantined is not None
    assert sql(store.quarantined, "SELECT count(*) FROM recipes") == [(0,)]


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "events.db"
    store = EventStore(path)
    store.add(story()[0])
    store.close()
    sql(path, "PRAGMA user_version = 7")
    with pytest.raises(StoreError, match=r"events\.db: the event store has schema 7, .* update vad-edge"):
        EventStore(path)
    assert sql(path, "SELECT count(*) FROM events") == [(1,)]


def test_a_file_opened_twice_at_once_is_one_store(tmp_path: Path, story: Story) -> None:
    first, second = EventStore(tmp_path / "events.db"), EventStore(tmp_path / "events.db")
    events = story()
    first.add(events[0])
    second.add(events[1])
    assert first.events() == second.events() == events[:2]
    first.close()
    second.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/events\.db: cannot open the event store: .*check the folder"):
        EventStore(tmp_path / "file" / "events.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="unable to open database file"):
        EventStore(tmp_path / "folder")


def test_a_full_disk_is_a_typed_error_and_loses_nothing_older(store: EventStore, story: Story) -> None:
    kept = story()[0]
    store.add(kept)
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"events\.db: the event store failed: .*full; check its disk"):
        store.add(replace(story()[0], evidence={"note": "x" * 500_000}))
    assert store.events() == [kept]


def test_a_closed_store_says_so(tmp_path: Path, story: Story) -> None:
    store = EventStore(tmp_path / "events.db")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed database"):
        store.add(story()[0])


def test_an_unreadable_row_does_not_hold_up_the_next(
    store: EventStore, story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    events = story()
    for event in events:
        store.add(event)
    sql(store.path, "UPDATE events SET body = '{' WHERE seq = 1")
    with caplog.at_level(logging.ERROR):
        assert store.pending("front", limit=1) == [events[1]]
    assert f"event {events[0].id} in the store cannot be read" in caplog.text


def test_an_event_with_a_number_json_lacks_is_refused(store: EventStore, story: Story) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.add(replace(story()[0], risk=float("nan")))
    assert store.events() == []


def test_a_copy_of_the_files_of_an_open_store_is_readable(
    store: EventStore, story: Story, tmp_path: Path
) -> None:
    store.add(story()[0])
    copy = tmp_path / "copy"
    shutil.copytree(store.path.parent, copy)
    copied = EventStore(copy / "events.db")
    assert len(copied.events()) == 1
    copied.close()
