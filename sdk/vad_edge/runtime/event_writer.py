"""Where events are made durable, away from the loop that must not wait for a disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from vad_edge.errors import StoreError
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.evidence.recorder import EvidenceRecorder
from vad_edge.health.conditions import HealthBoard

_log = logging.getLogger(__name__)


class EventWriter:
    """Commits events in a thread, wakes their publishers, and hands them back for whoever watches.

    An event carries the hashes of the pictures kept of it; they are written after it.
    A store that fails is a health condition; the event is handed back all the same, marked as not durable.
    """

    def __init__(
        self,
        store: EventStore,
        health: HealthBoard,
        wake: Mapping[str, Callable[[], None]],
        evidence: EvidenceRecorder,
    ) -> None:
        self._store = store
        self._health = health
        self._wake = wake
        self._evidence = evidence
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
            event, pictures = self._evidence.picture(event)
            kept = self._keep(event, publish)
            if event.camera in self._wake:
                self._wake[event.camera]()
            self._kept.put(kept)
            self._evidence.keep(kept, pictures)

    def _keep(self, event: Event, publish: bool) -> Event:
        try:
            kept = self._store.add(event, publish=publish)
        except (StoreError, ValueError) as error:
            _log.error("event %s: %s", event.id, error)
            self._health.raise_condition("store_failed", "store", str(error))
            return replace(event, durable=False)
        for code, reason in store_conditions(self._store).items():
            if reason:
                self._health.raise_condition(code, "store", reason)
            else:
                self._health.clear_condition(code, "store")
        return kept


def store_conditions(store: EventStore) -> dict[str, str]:
    """What is wrong with the store by condition code, empty for what is well."""
    lost = f"{store.lost} events are lost: neither disk nor memory took them" if store.lost else ""
    full = "" if store.database.reserve.held else "less disk is free than is held back for events"
    damaged = f"the old store lies at {store.quarantined}" if store.quarantined is not None else ""
    return {
        "store_failed": store.failure or "",
        "events_lost": lost,
        "disk_full": full,
        "store_damaged": damaged,
    }
