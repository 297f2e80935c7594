"""Events into the store, out of it to another client, and the acknowledgements back."""

from __future__ import annotations

import time
from collections.abc import Iterator

from vad_edge.diagnostics.alarm_test.context import CHECK, Rehearsal, content, ms
from vad_edge.diagnostics.finding import Finding
from vad_edge.events.event import Event


class Delivery:
    """Delivers one event after the other; none after one that failed. arrived are those before it."""

    def __init__(self, test: Rehearsal) -> None:
        self.arrived: list[Event] = []
        self._test = test
        self._failed = False

    def deliver(self, event: Event) -> Iterator[Finding]:
        """Store the event, and say of store, broker and acknowledgement what they did."""
        if self._failed:
            return
        for finding in self._way(event):
            self._failed = finding.state == "fail"
            yield finding
        if not self._failed:
            self.arrived.append(event)

    def _way(self, event: Event) -> Iterator[Finding]:
        test = self._test
        started_s = time.monotonic()
        if not test.store.add(event).durable:
            yield Finding("store", "fail", f"{event.kind}: {test.store.failure}", "make room on the disk")
            return
        committed_s = time.monotonic()
        yield Finding("store", "ok", f"{event.kind}: on the disk after {ms(committed_s - started_s)}")
        heard_s = test.listener.when(
            test.topics.event, lambda payload: content(payload).get("id") == event.id, test.arrive_s
        )
        if heard_s is None:
            text = f"{event.kind}: no other client had it within {test.arrive_s:g} s; it stays in the store"
            yield Finding("event", "fail", text, CHECK)
            return
        text = f"{event.kind}: another client has it after {ms(heard_s - committed_s)}"
        yield Finding("event", "ok", text)
        delivered_s = self._until_delivered(event)
        if delivered_s is None:
            text = f"{event.kind}: the broker's acknowledgement is not in the store; it will be sent again"
            yield Finding("acknowledged", "fail", text, "look at the device's log")
            return
        text = f"{event.kind}: the broker's word is in the store after {ms(delivered_s - committed_s)}"
        yield Finding("acknowledged", "ok", text)

    def _until_delivered(self, event: Event) -> float | None:
        store, deadline_s = self._test.store, time.monotonic() + self._test.arrive_s
        while any(waiting.id == event.id for waiting in store.newest_pending(event.camera, 50)):
            if time.monotonic() > deadline_s:
                return None
            time.sleep(0.005)
        return time.monotonic()
