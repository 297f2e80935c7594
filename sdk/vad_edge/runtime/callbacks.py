"""Calls a program's own functions away from the loop, which never waits for them on a live camera."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from vad_edge.events.event import Event
from vad_edge.health.board import HealthEvent
from vad_edge.report.observer import FrameResult, Observer

_log = logging.getLogger(__name__)

QUEUE_FRAMES: Final = 32
QUEUE_EVENTS: Final = 1000
CLOSE_S: Final = 10.0
"""How long the end of a run waits for callbacks that have not returned."""


Functions = Sequence[Callable[[Any], object]]


class Callbacks(Observer):
    """One thread that calls a program's functions, in the order in which things happened.

    What waits is bounded: a live run drops frames, then events and conditions, that a slow callback leaves
    waiting, and `problem` says so; a recording waits. A callback that raises is logged and called again for
    the next thing.
    """

    def __init__(
        self,
        frame: Sequence[Callable[[FrameResult], object]] = (),
        event: Sequence[Callable[[Event], object]] = (),
        condition: Sequence[Callable[[HealthEvent], object]] = (),
    ) -> None:
        self._functions: dict[str, Functions] = {"frame": frame, "event": event, "condition": condition}
        self.problem = ""
        self._dropped: Counter[str] = Counter()
        self._failed = ""
        self._live = True
        self._waiting: queue.Queue[tuple[str, Any] | None] = queue.Queue(QUEUE_EVENTS)
        self._room_for_frames = threading.Semaphore(QUEUE_FRAMES)
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is a callback."""
        return threading.current_thread() is self._thread

    def begin(self, *, live: bool) -> None:
        """Start the thread."""
        self._live = live
        self._thread.start()

    def on_frame(self, frame: FrameResult) -> None:
        """Hand a frame on; a live one is dropped where too many wait."""
        if not self._functions["frame"]:
            return
        if not self._room_for_frames.acquire(blocking=not self._live):
            self._drop("frame")
        elif not self._put("frame", frame):
            self._room_for_frames.release()

    def on_event(self, event: Event) -> None:
        """Hand an event on."""
        self._put("event", event)

    def on_condition(self, change: HealthEvent) -> None:
        """Hand a condition on."""
        self._put("condition", change)

    def close(self) -> None:
        """Wait a bounded time for what is still to be handed on."""
        if not self._thread.is_alive():
            return
        try:
            self._waiting.put(None, timeout=CLOSE_S)
        except queue.Full:
            _log.error("callbacks do not return; what waits for them is lost")
            return
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            _log.error("a callback does not return; the run ends without it")

    def _put(self, kind: str, news: object) -> bool:
        if not self._functions[kind]:
            return False
        try:
            self._waiting.put((kind, news), block=not self._live)
        except queue.Full:
            self._drop(kind)
            return False
        return True

    def _drop(self, kind: str) -> None:
        self._dropped[kind] += 1
        self._describe()

    def _describe(self) -> None:
        lost = ", ".join(f"{number:,} {kind}s" for kind, number in sorted(self._dropped.items()))
        slow = f"callbacks are too slow: {lost} were not handed to them" if lost else ""
        self.problem = "; ".join(text for text in (self._failed, slow) if text)

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            kind, news = waiting
            if kind == "frame":
                self._room_for_frames.release()
            for function in self._functions[kind]:
                self._call(kind, function, news)

    def _call(self, kind: str, function: Callable[[Any], object], news: object) -> None:
        name = getattr(function, "__name__", type(function).__name__)
        try:
            function(news)
        except Exception as error:
            _log.exception("the %s callback %s failed", kind, name)
            self._failed = f"{name} raised {type(error).__name__}: {error}"
            self._describe()
