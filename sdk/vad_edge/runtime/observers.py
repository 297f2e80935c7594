"""Those who watch a run from outside: one who fails is left behind and the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vad_edge.events.event import Event
from vad_edge.health.board import HealthEvent
from vad_edge.health.conditions import Condition
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.runtime.component import Component, note_failure
from vad_edge.runtime.context import RunContext
from vad_edge.runtime.event_writer import EventWriter
from vad_edge.runtime.monitor import ConditionMonitor


class Observers(Component):
    """Passes frames, committed events and conditions on to each observer; `lost` says who failed, and why.

    `remarks` are what the observers say of themselves in the end.
    """

    def __init__(
        self,
        observers: Sequence[Observer],
        context: RunContext,
        writer: EventWriter,
        conditions: ConditionMonitor,
    ) -> None:
        self._observers = list(observers)
        self._context, self._writer, self._conditions = context, writer, conditions
        self._problems: dict[str, str] = {}
        self.lost: list[str] = []
        self.remarks: list[str] = []

    def begin(self) -> None:
        """Tell each observer that the run begins."""
        self._tell(lambda observer: observer.begin(live=not self._context.is_media))

    def on_frame(self, result: FrameResult) -> None:
        """One source frame has been dealt with."""
        self._tell(lambda observer: observer.on_frame(result))

    def on_tick(self, now: float) -> None:
        """Pass on what was committed, and what began or ended, since the last turn."""
        for event in self._writer.committed():
            self._on_event(event)
        for change in self._conditions.changes():
            self._on_condition(change)
        for observer in self._observers:
            self._look_at(observer)

    def close(self) -> None:
        """Pass on the last events and conditions; the run is over."""
        self.on_tick(0.0)
        closed = list(self._observers)
        self._tell(lambda observer: observer.close())
        self.remarks += [observer.remark for observer in closed if observer.remark]
        self._observers.clear()

    def _on_event(self, event: Event) -> None:
        self._tell(lambda observer: observer.on_event(event))

    def _on_condition(self, change: HealthEvent) -> None:
        self._tell(lambda observer: observer.on_condition(change))

    def _look_at(self, observer: Observer) -> None:
        name, problem = observer.name or type(observer).__name__, observer.problem
        if problem == self._problems.get(name, ""):
            return
        self._problems[name] = problem
        self._context.health.set_condition(Condition.OBSERVER_BEHIND, name, bool(problem), problem)

    def _tell(self, message: Callable[[Observer], None]) -> None:
        for observer in list(self._observers):
            try:
                message(observer)
            except Exception as error:
                self.lost.append(note_failure(type(observer).__name__, error))
                self._observers.remove(observer)
