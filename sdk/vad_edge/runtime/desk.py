"""Where events are made durable, away from the loop that must not wait for a disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping

from vad_edge.errors import StoreError
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.health.board import HealthBoard

_log = logging.getLogger(__name__)


class EventDesk:
    """Commits events in a thread, wakes their publishers, and hands them back for whoever watches.

    A store that fails is a health condition; the event is handed back all the same.
    """

    def __init__(
        self, store: EventStore, health: HealthBoard, wake: Mapping[str, Callable[[], None]]
    ) -> None:
        self._store = store
        self._health = health
        self._wake = wake
        self._incoming: queue.SimpleQueue[tuple[Event, bool] | None] = queue.SimpleQueue()
        self._kept: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def submit(self, event: Event, *, publish: bool = True) -> None:
        """Take an event; returns at once. publish is false for one that is to be kept and not told."""
        self._incoming.put((event, publish))

    def kept(self) -> list[Event]:
        """The events that have been committed since the last call, in order."""
        events = []
        while not self._kept.empty():
            events.append(self._kept.get())
        return events

    def close(self) -> None:
        """Commit what is still waiting."""
        self._incoming.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (taken := self._incoming.get()) is not None:
            event, publish = taken
            try:
                self._store.add(event)
                if not publish:
                    self._store.mark_rolled_up(event.id)
                self._health.clear_condition("store_failed", "store")
            except StoreError as error:
                _log.error("%s", error)
                self._health.raise_condition("store_failed", "store", str(error))
            if event.camera in self._wake:
                self._wake[event.camera]()
            self._kept.put(event)
