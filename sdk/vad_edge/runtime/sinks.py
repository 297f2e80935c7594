"""Sinks: events handed to foreign code on a thread of its own, which the run never waits for."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from vad_edge.events.event import Event
from vad_edge.plugins import Sink, open_sink
from vad_edge.report.observer import Observer

_log = logging.getLogger(__name__)

QUEUE_EVENTS: Final = 1000
CLOSE_S: Final = 5.0
"""How long the end waits for a sink that still has events to take."""


class SinkThread:
    """Calls one sink with one event after another.

    Where more than `room` events wait, the oldest is lost: the newest say how things stand now. An event that
    the sink raises for is lost too. problem says what is wrong, in words, and is empty again once the sink
    takes events and none is lost any more.
    """

    def __init__(self, name: str, sink: Sink, *, room: int = QUEUE_EVENTS) -> None:
        self.name = name
        self.lost = 0
        self._sink = sink
        self._room = room
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._failed = ""
        self._overrun = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why events are lost to the sink; empty while none is."""
        with self._changed:
            if self._failed:
                return f"{self._failed}; events lost to it: {self.lost}"
            if self._overrun:
                return f"it is too slow; events lost to it: {self.lost}"
            return ""

    def submit(self, event: Event) -> None:
        """Let an event wait for the sink; never blocks."""
        with self._changed:
            if len(self._waiting) >= self._room:
                self._waiting.popleft()
                self.lost += 1
                self._overrun += 1
                if self._overrun == 1:
                    _log.warning("%s is too slow: events are lost to it", self.name)
            self._waiting.append(event)
            self._changed.notify()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Wait a bounded time until the sink has what waits, and close it; what it does not take is lost."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        with self._changed:
            if self._thread.is_alive():
                self.lost += len(self._waiting)
                self._waiting.clear()
                _log.error("%s does not return; the end does not wait for it", self.name)
            if self.lost:
                _log.warning("events lost to %s: %d", self.name, self.lost)

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._sink(event)
            except Exception as error:
                self._fail(error)
            else:
                self._well()
        close = getattr(self._sink, "close", None)
        try:
            if close is not None:
                close()
        except Exception as error:
            _log.warning("%s: closing it failed: %r", self.name, error)

    def _next(self) -> Event | None:
        """The oldest event that waits, None when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _fail(self, error: Exception) -> None:
        said = f"it raised {type(error).__name__}: {error}".partition("\n")[0]
        with self._changed:
            self.lost += 1
            if not self._failed:
                _log.warning("%s fails: %s", self.name, said)
            self._failed = said

    def _well(self) -> None:
        with self._changed:
            if self._failed or (self._overrun and not self._waiting):
                _log.info("%s takes events again", self.name)
                self._failed, self._overrun = "", 0


class SinkObserver(Observer):
    """Hands the events of a run to a sink, which may outlive it."""

    def __init__(self, sink: SinkThread) -> None:
        self._sink = sink
        self.name = sink.name

    @property
    def problem(self) -> str:  # type: ignore[override]
        """Why events are lost to the sink; empty while none is."""
        return self._sink.problem

    def on_event(self, event: Event) -> None:
        """Let it wait for the sink."""
        self._sink.submit(event)


@contextmanager
def opened_sinks(specs: Sequence[str]) -> Iterator[list[SinkThread]]:
    """The sinks that ``NAME`` or ``NAME=ARGUMENT`` name, closed at the end. Raises as `open_sink`."""
    sinks: list[SinkThread] = []
    try:
        for spec in specs:
            name = spec.partition("=")[0]
            same = sum(spec.partition("=")[0] == name for spec in specs[: len(sinks)])
            sinks.append(SinkThread(f"sink {name} {same + 1}" if same else f"sink {name}", open_sink(spec)))
        yield sinks
    finally:
        for sink in sinks:
            sink.close()
