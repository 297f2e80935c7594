"""Runs of the loop as tests look at them: an observer that keeps everything, and an engine that fails."""

from __future__ import annotations

from collections.abc import Callable

from vad_edge.config.site import PolicyConfig
from vad_edge.errors import EngineError
from vad_edge.events.event import Event
from vad_edge.health.board import HealthEvent
from vad_edge.inference.engine import Engine, StepOutputs
from vad_edge.report.observer import FrameResult, Observer

POLICY = PolicyConfig(watch=2, warning=3, alarm=4, smoothing_s=0.0, dwell_s=0.2, clear_s=0.5)


class Notes(Observer):
    """An observer that keeps everything; `at` is called with each result."""

    def __init__(self, at: Callable[[FrameResult], None] = lambda result: None) -> None:
        self.results: list[FrameResult] = []
        self.events: list[Event] = []
        self.conditions: list[HealthEvent] = []
        self.closed = 0
        self._at = at

    def on_frame(self, result: FrameResult) -> None:
        self.results.append(result)
        self._at(result)

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def on_condition(self, event: HealthEvent) -> None:
        self.conditions.append(event)

    def close(self) -> None:
        self.closed += 1

    def codes(self) -> list[tuple[str, str]]:
        return [(event.code, event.subject) for event in self.conditions if event.state == "raised"]


class FailingEngine:
    """A real engine under an accelerator's name that fails from its sixth step on, as a GPU may."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._steps = 0
        self.name = "tensorrt 10.3.0 fp32"
        self.graph, self.inputs = engine.graph, engine.inputs
        self.snapshot, self.restore, self.close = engine.snapshot, engine.restore, engine.close

    def step(self) -> StepOutputs:
        self._steps += 1
        if self._steps > 5:
            raise EngineError("the GPU fell off the bus")
        return self._engine.step()
