from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.events import an_event
from tests.support.mosquitto import wait_until

from vad_edge.errors import StoreError
from vad_edge.events.store import EventStore
from vad_edge.evidence.files import EvidenceFiles
from vad_edge.evidence.recorder import EvidenceRecorder
from vad_edge.health.conditions import HealthBoard
from vad_edge.runtime.event_writer import EventWriter

EVENT = an_event()


@pytest.fixture
def desk_of(tmp_path: Path) -> Iterator[Callable[[HealthBoard], tuple[EventStore, EventWriter]]]:
    keepers: list[EvidenceRecorder] = []

    def make(health: HealthBoard) -> tuple[EventStore, EventWriter]:
        store = EventStore(tmp_path / "events.db")
        keeper = EvidenceRecorder(EvidenceFiles(store.database), [], health, lambda: 0.0)
        keepers.append(keeper)
        return store, EventWriter(store, health, {"front": lambda: None}, keeper)

    yield make
    for keeper in keepers:
        keeper.close()


def codes(health: HealthBoard) -> set[str]:
    return {condition.code for condition in health.snapshot().conditions}


def test_an_event_is_in_the_store_when_it_is_handed_back(
    desk_of: Callable[[HealthBoard], tuple[EventStore, EventWriter]],
) -> None:
    health = HealthBoard()
    store, desk = desk_of(health)
    desk.submit(EVENT)
    desk.close()
    assert desk.kept() == store.events() == [EVENT]
    assert codes(health) == set()
    store.close()


def test_an_event_the_disk_refuses_is_handed_back_as_not_durable_until_the_disk_works_again(
    desk_of: Callable[[HealthBoard], tuple[EventStore, EventWriter]], monkeypatch: pytest.MonkeyPatch
) -> None:
    health = HealthBoard()
    store, desk = desk_of(health)
    with contextlib.closing(store):

        def refuse(work: object) -> None:
            raise StoreError("the event store failed: disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(store.database, "write", refuse)
            desk.submit(EVENT)
            wait_until(lambda: "store_failed" in codes(health), "the condition")
        desk.submit(an_event(id="e-2"))
        desk.close()
        assert [(event.id, event.durable) for event in desk.kept()] == [("e-1", False), ("e-2", True)]
        assert codes(health) == set()
        assert {event.id for event in store.events()} == {"e-1", "e-2"}


def test_an_event_that_cannot_be_written_down_does_not_end_the_desk(
    desk_of: Callable[[HealthBoard], tuple[EventStore, EventWriter]],
) -> None:
    health = HealthBoard()
    store, desk = desk_of(health)
    desk.submit(an_event(risk=float("nan")))
    desk.submit(an_event(id="e-2"))
    desk.close()
    assert [event.durable for event in desk.kept()] == [False, True]
    assert [event.id for event in store.events()] == ["e-2"]
    store.close()
