from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.small_disk import fill

from vad_edge.errors import StoreError
from vad_edge.events import store as store_module
from vad_edge.events.event import Event
from vad_edge.events.recovery import Reserve
from vad_edge.events.store import EventStore

Story = Callable[..., list[Event]]
MB = 1 << 20


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[EventStore], Callable[[], None]]:
    """Makes a store's disk refuse every write, until the function it returns is called."""

    def break_it(store: EventStore) -> Callable[[], None]:
        works = store.database.write

        def refuse(work: object) -> None:
            raise StoreError("the event store failed: disk I/O error", where=str(store.path))

        monkeypatch.setattr(store.database, "write", refuse)
        return lambda: monkeypatch.setattr(store.database, "write", works)

    return break_it


def test_the_reserve_takes_what_it_says_and_gives_it_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 1 * MB)
    reserve.hold()
    assert reserve.held
    assert reserve.path.stat().st_blocks * 512 >= MB
    assert reserve.release()
    assert not reserve.path.exists()
    assert not reserve.release()


def test_no_reserve_is_held_where_little_is_free(small_disk: Path) -> None:
    reserve = Reserve(small_disk / "reserve", 13 * MB)
    reserve.hold()
    assert not reserve.held


def test_on_a_full_disk_the_reserve_is_spent_and_events_are_still_durable(
    small_disk: Path, story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(EventStore(small_disk / "events.db")) as store:
        assert store.database.reserve.held
        fill(small_disk)
        kept = [store.add(event) for _ in range(100) for event in story()]
        assert all(event.durable for event in kept)
        assert not store.database.reserve.held
    assert "the space held back for events is used now" in caplog.text
    with contextlib.closing(EventStore(small_disk / "events.db")) as again:
        assert again.events() == kept


def test_events_beyond_the_reserve_go_out_at_once_and_are_written_when_there_is_room(
    small_disk: Path, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "RETRY_S", 0.0)
    with contextlib.closing(EventStore(small_disk / "events.db")) as store:
        filler = fill(small_disk)
        store.database.reserve.release()
        fill(small_disk)  # writes the filler again, larger
        kept = []
        while not kept or kept[-1].durable:
            kept += [store.add(event) for event in story()]
        assert store.failure is not None
        assert "full" in store.failure
        assert store.pending("front", 10_000) == kept
        filler.unlink()
        kept.append(store.add(story()[0]))
        assert kept[-1].durable
        assert store.failure is None
        assert [event.id for event in store.events()][-1] in {event.id for event in kept}
        assert {event.id for event in store.events()} == {event.id for event in kept}


def test_an_event_no_disk_takes_is_pending_and_marked(
    store: EventStore, story: Story, broken: Callable[[EventStore], Callable[[], None]]
) -> None:
    before, *rest = story()
    store.add(before)
    broken(store)
    kept = [store.add(event) for event in rest]
    assert kept == [replace(event, durable=False) for event in rest]
    assert store.pending("front") == [before, *kept]
    assert store.pending("back") == []


def test_an_event_delivered_while_the_disk_fails_is_not_handed_out_again(
    store: EventStore, story: Story, broken: Callable[[EventStore], Callable[[], None]]
) -> None:
    first, second, third, _ = story()
    store.add(first)
    repair = broken(store)
    store.add(second)
    store.mark_delivered(first.id)
    store.mark_delivered(second.id)
    assert store.pending("front") == []
    repair()
    store.add(third)
    assert store.pending("front") == [third]
    assert store.events()[0] == first
    assert replace(second, durable=False) in store.events()


def test_memory_holds_a_bounded_number_of_events_and_counts_the_others(
    store: EventStore,
    story: Story,
    broken: Callable[[EventStore], Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(store_module, "SPARE_EVENTS", 3)
    broken(store)
    kept = [store.add(event) for event in (*story(), *story())]
    assert store.pending("front") == kept[-3:]
    assert store.lost == 5


def test_a_disk_that_is_not_there_at_the_start_is_used_when_it_comes(
    tmp_path: Path, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "RETRY_S", 0.0)
    blocked = tmp_path / "state"
    blocked.write_text("a file where the folder should be")
    with contextlib.closing(EventStore(blocked / "events.db", patient=True)) as store:
        kept = [store.add(event) for event in story()]
        assert not any(event.durable for event in kept)
        assert store.pending("front") == kept
        store.mark_delivered(kept[0].id)
        blocked.unlink()
        assert store.pending("front") == kept[1:]
        assert store.add(story()[0]).durable
        assert store.events()[:4] == kept
        assert store.database.reserve.held


def test_a_disk_that_never_comes_can_be_closed(tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("")
    store = EventStore(blocked / "events.db", patient=True)
    store.close()
    with pytest.raises(StoreError, match="closed database"):
        store.events()
