"""Whatever takes part in a run, and the list of them: the list is the wiring."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from vad_edge.errors import VadEdgeError
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.report.observer import FrameResult, Observer

_log = logging.getLogger(__name__)


class Component:
    """Takes part in a run; all methods are called on the loop's thread and must not block.

    A constructor may start threads that do the slow work. The run ends with an essential component that
    fails, and goes on without any other.
    """

    essential = False

    def on_frame(self, result: FrameResult) -> None:
        """One frame of one camera has been dealt with."""

    def on_tick(self, now: float) -> None:
        """One turn of the loop is over; now is the run clock's time in seconds."""

    def close(self) -> None:
        """The run is over."""


class Components:
    """Calls each component in order; one that fails is a condition and takes part no more.

    lost says which failed, and why.
    """

    def __init__(self, components: Sequence[Component], health: HealthBoard) -> None:
        self._components = list(components)
        self._health = health
        self.lost: list[str] = []

    def on_frame(self, result: FrameResult) -> None:
        """Tell each component of a frame. Raises what an essential one raises."""
        for component in self._components:
            try:
                component.on_frame(result)
            except Exception as error:
                self._fail(component, error)

    def on_tick(self, now: float) -> None:
        """Tell each component that a turn is over. Raises what an essential one raises."""
        for component in self._components:
            try:
                component.on_tick(now)
            except Exception as error:
                self._fail(component, error)

    def close(self) -> None:
        """Close all in order; none keeps another from being closed."""
        self.lost += close_all(self._components)

    def _fail(self, component: Component, error: Exception) -> None:
        if component.essential:
            raise error
        name = type(component).__name__
        self.lost.append(note_failure(name, error))
        self._health.raise_condition(Condition.COMPONENT_FAILED, name, f"{error}; the run goes on without it")
        # A copy: whoever calls goes through the old list.
        self._components = [each for each in self._components if each is not component]
        self.lost += close_all([component])


def note_failure(name: str, error: Exception) -> str:
    """Log that a participant failed and gets nothing more; what to say of it in the end."""
    # A full disk needs no traceback; a mistake of ours is found by one.
    ours = not isinstance(error, (OSError, VadEdgeError))
    _log.error("%s failed and gets nothing more of this run: %s", name, error, exc_info=ours)
    return f"{name} failed: {error}"


def close_all(participants: Iterable[Component | Observer]) -> list[str]:
    """Close each of them; what to say of those that failed."""
    lost = []
    for each in participants:
        try:
            each.close()
        except Exception as error:
            lost.append(note_failure(type(each).__name__, error))
    return lost
