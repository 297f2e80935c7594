"""Where events are made durable, away from the loop that must not wait for a disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from vad_edge.errors import StoreError
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.evidence.recorder import EvidenceRecorder
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component

_log = logging.getLogger(__name__)

COMMITTED_KEPT: Final = 10_000
"""Committed events are kept for observers up to this number, the newest."""


@dataclass(frozen=True, slots=True)
class _Job:
    """An event to be kept, and what is to be told when it is; or that alone."""

    event: Event | None
    publish: bool
    tell_state: Callable[[], None] | None


class EventWriter(Component):
    """Commits events in a thread, then wakes their publishers and publishes the state they lead to.

    A camera's state is published after the event that led to it is committed, never before. An event carries
    the hashes of the pictures kept of it; they are written after it. A store that fails is a condition; the
    event is handed on all the same, marked as not durable. Events and incidents are counted.
    """

    essential = True

    def __init__(
        self, store: EventStore, health: HealthBoard, cameras: Iterable[Camera], evidence: EvidenceRecorder
    ) -> None:
        self._store = store
        self._health = health
        self._cameras = {camera.name: camera for camera in cameras}
        self._evidence = evidence
        self.events = 0
        self.incidents: set[str] = set()
        self._incoming: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._committed: deque[Event] = deque(maxlen=COMMITTED_KEPT)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def on_frame(self, result: FrameResult) -> None:
        """Take the events that a frame has brought."""
        for event in result.events:
            self.announce(event)

    def announce(self, event: Event, *, publish: bool | None = None) -> None:
        """Take an event; returns at once. The camera says whether it is published, unless `publish` does."""
        camera = self._cameras[event.camera]
        publish = not camera.rolled_up if publish is None else publish
        self.events += 1
        self.incidents.add(event.incident)
        self._incoming.put(_Job(event, publish, camera.state_message() if publish else None))

    def tell_state(self, camera: Camera) -> None:
        """Publish a camera's state as it is now, after the events that came before."""
        self._incoming.put(_Job(None, False, camera.state_message()))

    def committed(self) -> list[Event]:
        """The events that have been committed since the last call, in order."""
        return [self._committed.popleft() for _ in range(len(self._committed))]

    def close(self) -> None:
        """Commit what is still waiting."""
        self._incoming.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._incoming.get()) is not None:
            if job.event is None:
                self._tell(job)
                continue
            event, pictures = self._evidence.picture(job.event)
            kept = self._keep(event, job.publish)
            publisher = self._cameras[event.camera].publisher
            if publisher is not None:
                publisher.wake()
            self._tell(job)
            self._committed.append(kept)
            self._evidence.keep(kept, pictures)

    def _tell(self, job: _Job) -> None:
        if job.tell_state is not None:
            job.tell_state()

    def _keep(self, event: Event, publish: bool) -> Event:
        try:
            kept = self._store.add(event, publish=publish)
        except (StoreError, ValueError) as error:
            _log.error("event %s: %s", event.id, error)
            self._health.raise_condition(Condition.STORE_FAILED, "store", str(error))
            return replace(event, durable=False)
        look_at_store(self._store, self._health)
        return kept


def look_at_store(store: EventStore, health: HealthBoard) -> None:
    """Raise what is wrong with the store as conditions, and clear what is well."""
    failure, lost, moved = store.failure or "", store.lost, store.quarantined
    full = not store.database.reserve.held
    health.set_condition(Condition.STORE_FAILED, "store", bool(failure), failure)
    text = f"{lost} events are lost: neither disk nor memory took them"
    health.set_condition(Condition.EVENTS_LOST, "store", lost > 0, text, events=lost)
    health.set_condition(Condition.DISK_FULL, "store", full, "less disk is free than is held back for events")
    text = f"the old store lies at {moved}"
    health.set_condition(Condition.STORE_DAMAGED, "store", moved is not None, text, path=str(moved))
