"""Those who watch a run; one who stumbles is left behind and the run goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from vad_edge.errors import VadEdgeError
from vad_edge.events.event import Event
from vad_edge.health.conditions import HealthEvent
from vad_edge.report.observer import Moment, RunObserver

_log = logging.getLogger(__name__)


class Observers:
    """Passes everything on to each observer in turn; `lost` says who failed, and why."""

    def __init__(self, observers: Sequence[RunObserver]) -> None:
        self._observers = list(observers)
        self.lost: list[str] = []

    def on_moment(self, moment: Moment) -> None:
        """One source frame has been dealt with."""
        self._tell(lambda observer: observer.on_moment(moment))

    def on_event(self, event: Event) -> None:
        """A level changed."""
        self._tell(lambda observer: observer.on_event(event))

    def on_health(self, event: HealthEvent) -> None:
        """A condition began or ended."""
        self._tell(lambda observer: observer.on_health(event))

    def close(self) -> None:
        """The run is over."""
        self._tell(lambda observer: observer.close())

    def _tell(self, message: Callable[[RunObserver], None]) -> None:
        for observer in list(self._observers):
            try:
                message(observer)
            except Exception as error:
                # A full disk needs no traceback; a mistake of ours is found by one.
                ours = not isinstance(error, (OSError, VadEdgeError))
                name = type(observer).__name__
                _log.error("%s failed and gets nothing more of this run: %s", name, error, exc_info=ours)
                self.lost.append(f"{name} failed: {error}")
                self._observers.remove(observer)
