from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.support.cameras import a_camera
from tests.support.events import an_event
from tests.support.mosquitto import wait_until

from vad_edge.errors import StoreError
from vad_edge.events.store import EventStore
from vad_edge.evidence.files import EvidenceFiles
from vad_edge.evidence.recorder import EvidenceRecorder
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthBoard
from vad_edge.mqtt.publisher import CameraPublisher
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.event_writer import EventWriter

EVENT = an_event()


@pytest.fixture
def writer_of(tmp_path: Path) -> Iterator[Callable[..., tuple[EventStore, EventWriter]]]:
    recorders: list[EvidenceRecorder] = []

    def make(health: HealthBoard, camera: Camera | None = None) -> tuple[EventStore, EventWriter]:
        store = EventStore(tmp_path / "events.db")
        recorder = EvidenceRecorder(EvidenceFiles(store.database), [], health, lambda: 0.0)
        recorders.append(recorder)
        return store, EventWriter(store, health, [camera or a_camera()], recorder)

    yield make
    for recorder in recorders:
        recorder.close()


def codes(health: HealthBoard) -> set[str]:
    return {condition.code for condition in health.snapshot().conditions}


def test_an_event_is_in_the_store_when_it_is_handed_back(
    writer_of: Callable[..., tuple[EventStore, EventWriter]],
) -> None:
    health = HealthBoard()
    store, writer = writer_of(health)
    writer.announce(EVENT)
    writer.close()
    assert writer.committed() == store.events() == [EVENT]
    assert codes(health) == set()
    store.close()


def test_an_event_the_disk_refuses_is_handed_back_as_not_durable_until_the_disk_works_again(
    writer_of: Callable[..., tuple[EventStore, EventWriter]], monkeypatch: pytest.MonkeyPatch
) -> None:
    health = HealthBoard()
    store, writer = writer_of(health)
    with contextlib.closing(store):

        def refuse(work: object) -> None:
            raise StoreError("the event store failed: disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(store.database, "write", refuse)
            writer.announce(EVENT)
            wait_until(lambda: "store_failed" in codes(health), "the condition")
        writer.announce(an_event(id="e-2"))
        writer.close()
        assert [(event.id, event.durable) for event in writer.committed()] == [("e-1", False), ("e-2", True)]
        assert codes(health) == set()
        assert {event.id for event in store.events()} == {"e-1", "e-2"}


def test_an_event_that_cannot_be_written_down_does_not_end_the_writer(
    writer_of: Callable[..., tuple[EventStore, EventWriter]],
) -> None:
    health = HealthBoard()
    store, writer = writer_of(health)
    writer.announce(an_event(risk=float("nan")))
    writer.announce(an_event(id="e-2"))
    writer.close()
    assert [event.durable for event in writer.committed()] == [False, True]
    assert [event.id for event in store.events()] == ["e-2"]
    store.close()


class Publisher:
    """Notes what is in the store at the moment at which the state is published."""

    armed = True

    def __init__(self, store: EventStore) -> None:
        self.store, self.said = store, list[tuple[str, list[str]]]()

    def wake(self) -> None:
        pass

    def publish_state(self, level: Level, **state: Any) -> None:
        self.said.append((str(level), [event.id for event in self.store.events()]))


def test_a_state_is_published_after_the_event_that_led_to_it_is_committed(
    writer_of: Callable[..., tuple[EventStore, EventWriter]],
) -> None:
    camera = a_camera()
    store, writer = writer_of(HealthBoard(), camera)
    publisher = Publisher(store)
    camera.publisher = cast(CameraPublisher, publisher)
    writer.tell_state(camera)
    for _ in range(2):  # to alarm, at once
        camera.machine.update(Risk(1.0, 9.0, {}))
        camera.machine.update(Risk(2.0, 9.0, {}))
    writer.announce(EVENT)
    writer.tell_state(camera)
    writer.close()
    assert publisher.said == [("normal", []), ("alarm", ["e-1"]), ("alarm", ["e-1"])]
    store.close()


def test_a_state_that_a_rolled_up_event_led_to_is_not_published(
    writer_of: Callable[..., tuple[EventStore, EventWriter]],
) -> None:
    camera = a_camera()
    store, writer = writer_of(HealthBoard(), camera)
    publisher = Publisher(store)
    camera.publisher = cast(CameraPublisher, publisher)
    camera.rolled_up = True
    writer.announce(EVENT)
    writer.close()
    assert publisher.said == []
    assert [event.id for event in store.events()] == ["e-1"]
    store.close()
