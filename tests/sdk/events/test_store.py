from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vad_edge.errors import StoreError
from vad_edge.events.event import Event
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


def test_the_events_of_one_incident_are_found(store: EventStore, story: Story) -> None:
    first, second = story(), story()
    for event in (*first, *second):
        store.add(event)
    assert store.events(second[0].incident) == second


def test_a_wall_clock_that_jumps_changes_no_order(store: EventStore, story: Story) -> None:
    events = story()
    for event, days in zip(events, (0, -20_000, 9_000, -1), strict=True):
        store.add(replace(event, time=event.time + timedelta(days=days)))
    assert [event.id for event in store.pending("front")] == [event.id for event in events]
    assert [event.id for event in store.events()] == [event.id for event in events]


def test_an_event_that_was_rolled_up_is_kept_and_never_pending(store: EventStore, story: Story) -> None:
    first, second, *_ = story()
    store.add(first, publish=False)
    store.add(second)
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


def pragma(store: EventStore, name: str) -> tuple:
    return store.database.read(lambda connection: connection.execute(f"PRAGMA {name}").fetchone())


def test_a_commit_reaches_the_disk_before_add_returns(store: EventStore) -> None:
    assert pragma(store, "journal_mode") == ("wal",)
    assert pragma(store, "synchronous") == (2,)


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
