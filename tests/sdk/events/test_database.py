from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sdk.events.old_schema import write_first_schema

from vad_edge.errors import ConfigError, StoreError
from vad_edge.events.database import Database
from vad_edge.events.event import Event
from vad_edge.events.incidents import Incidents
from vad_edge.events.migrations import MIGRATIONS
from vad_edge.events.store import EventStore
from vad_edge.fusion.machine import Level

Story = Callable[..., list[Event]]


def sql(path: Path, statement: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(statement).fetchall()
        connection.commit()
        return rows


def break_pages(path: Path, first: int, count: int | None = None) -> None:
    body = bytearray(path.read_bytes())
    end = len(body) if count is None else 4096 * (first + count)
    body[4096 * first : end] = b"\xa5" * (end - 4096 * first)
    path.write_bytes(body)


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
    assert "a new one begins" in caplog.text


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


def test_a_store_of_the_first_schema_is_brought_up_with_its_incidents(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "events.db"
    done, going_on = story("front"), story("back")[:2]
    write_first_schema(path, [*done, *going_on], delivered=[done[0].id])

    with contextlib.closing(EventStore(path)) as store:
        assert store.events() == [*done, *going_on]
        assert store.pending("front") == done[1:]
        first, second = Incidents(store.database).find()
    assert (first.camera, first.opened, first.closed) == ("front", done[0].time, done[-1].time)
    assert (first.peak_level, first.peak_risk, first.ending) == (Level.ALARM, 4.5, "cleared")
    assert (second.closed, second.events) == (None, 2)
    assert sql(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_an_unreadable_event_of_the_first_schema_does_not_stop_the_migration(
    tmp_path: Path, story: Story
) -> None:
    path = tmp_path / "events.db"
    events = story()
    write_first_schema(path, events)
    sql(path, "UPDATE events SET body = '{' WHERE seq = 1")

    with contextlib.closing(EventStore(path)) as store:
        (incident,) = Incidents(store.database).find()
    assert (incident.id, incident.opened) == (events[0].incident, events[0].time)
    assert incident.events == 4


def test_what_can_be_read_of_a_damaged_store_comes_over(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "events.db"
    added = [event for _ in range(60) for event in story()]
    with contextlib.closing(EventStore(path)) as store:
        for event in added:
            store.add(event)
        store.mark_delivered(added[0].id)
        Incidents(store.database).acknowledge(added[0].incident, "false", by="me")
    middle = path.stat().st_size // 4096 // 2
    break_pages(path, middle, 2)

    with contextlib.closing(EventStore(path)) as store:
        assert store.quarantined is not None
        saved = store.events()
        assert {event.id: event for event in added}.items() >= {event.id: event for event in saved}.items()
        assert len(saved) > len(added) // 2
        assert [event.id for event in saved] == sorted(event.id for event in saved)
        assert added[0].id not in {event.id for event in store.pending("front", 1000)}
        said = Incidents(store.database).get(added[0].incident).acknowledged
        assert said is not None
        assert said.answer == "false"


def test_a_store_damaged_while_it_is_open_is_replaced_and_keeps_the_event(
    tmp_path: Path, story: Story
) -> None:
    path = tmp_path / "events.db"
    with contextlib.closing(EventStore(path)) as store:
        for _ in range(30):
            for event in story():
                store.add(event)
        store.database.write(lambda connection: None)
        store.database.read(
            lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        )
        store.database.read(lambda connection: connection.execute("PRAGMA cache_size = 0").fetchall())
        break_pages(path, 1)
        event = story()[0]

        assert store.add(event).durable
        assert store.quarantined is not None
        assert store.events()[-1] == event
    with contextlib.closing(EventStore(path)) as again:
        assert again.events()[-1] == event


def test_a_damaged_store_is_left_alone_by_who_only_looks(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    path.write_bytes(b"no database at all, long enough" * 40)
    with pytest.raises(StoreError, match=r"events\.db: file is not a database; the next run keeps it aside"):
        Database(path, repair=False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["events.db"]


def test_who_only_looks_at_a_broken_page_is_told_who_mends_it(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "events.db"
    with contextlib.closing(EventStore(path)) as store:
        for event in story():
            store.add(event)
    body = bytearray(path.read_bytes())
    body[4096:] = b"\xa5" * (len(body) - 4096)
    path.write_bytes(body)
    with (
        pytest.raises(StoreError, match="the next run keeps it aside and begins a new one"),
        contextlib.closing(EventStore(path, repair=False)) as looked_at,
    ):
        looked_at.events()


def test_a_store_that_is_not_there_is_not_made_by_who_only_looks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no event store"):
        Database(tmp_path / "events.db", repair=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (sqlite3.OperationalError("database or disk is full"), "make room on its disk"),
        (OSError(errno.ENOSPC, "No space left on device"), "make room on its disk"),
        (sqlite3.OperationalError("disk I/O error"), "check its disk"),
    ],
)
def test_a_full_disk_is_told_from_a_failing_one(store: EventStore, error: Exception, fix: str) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        raise error

    with pytest.raises(StoreError) as failure:
        store.database.write(fail)
    assert failure.value.fix == fix


def test_a_failed_transaction_leaves_nothing(store: EventStore, story: Story) -> None:
    event = story()[0]

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM events")
        raise sqlite3.OperationalError("disk I/O error")

    store.add(event)
    with pytest.raises(StoreError, match="disk I/O error"):
        store.database.write(half)
    assert store.events() == [event]
