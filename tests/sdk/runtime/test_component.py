"""The list of what takes part in a run: order, and what a failure means."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.cameras import a_result

from vad_edge.health.board import HealthBoard
from vad_edge.pipeline import ScoredFrame
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.component import Component, Components
from vad_edge.video.frame import Frame
from vad_edge.video.validity import VALID

RESULT = a_result("front", ScoredFrame(Frame(0, 0.0, np.zeros((2, 2, 3), np.uint8)), VALID, warm=False))


class Noting(Component):
    def __init__(self, name: str, said: list[str]) -> None:
        self._name, self._said = name, said

    def on_frame(self, result: FrameResult) -> None:
        self._said.append(f"{self._name} frame")

    def on_tick(self, now: float) -> None:
        self._said.append(f"{self._name} tick {now:g}")

    def close(self) -> None:
        self._said.append(f"{self._name} close")


class FailsAtFrame(Noting):
    def on_frame(self, result: FrameResult) -> None:
        raise ValueError("no room")


class FailsAtTick(Noting):
    def on_tick(self, now: float) -> None:
        raise ValueError("no time")


class FailsAtClose(Noting):
    def close(self) -> None:
        raise OSError("no disk")


class Essential(FailsAtFrame):
    essential = True


def test_components_are_called_in_the_order_of_the_list() -> None:
    said: list[str] = []
    components = Components([Noting("a", said), Noting("b", said)], HealthBoard())
    components.on_frame(RESULT)
    components.on_tick(2.0)
    components.close()
    assert said == ["a frame", "b frame", "a tick 2", "b tick 2", "a close", "b close"]
    assert components.lost == []


@pytest.mark.parametrize("failing", [FailsAtFrame, FailsAtTick])
def test_one_that_fails_is_a_condition_is_closed_and_takes_part_no_more(failing: type[Noting]) -> None:
    said: list[str] = []
    health = HealthBoard()
    components = Components([failing("a", said), Noting("b", said)], health)
    for _ in range(2):
        components.on_frame(RESULT)
        components.on_tick(1.0)
    (condition,) = health.snapshot().conditions
    assert (condition.code, condition.subject) == ("component_failed", failing.__name__)
    assert said.count("a close") == 1
    assert said.count("b frame") == said.count("b tick 1") == 2
    assert components.lost == [
        f"{failing.__name__} failed: no {'room' if failing is FailsAtFrame else 'time'}"
    ]


def test_an_essential_one_that_fails_ends_the_run() -> None:
    components = Components([Essential("a", [])], HealthBoard())
    with pytest.raises(ValueError, match="no room"):
        components.on_frame(RESULT)


def test_one_that_cannot_be_closed_keeps_no_other_from_it() -> None:
    said: list[str] = []
    components = Components([FailsAtClose("a", said), Noting("b", said)], HealthBoard())
    components.close()
    assert said == ["b close"]
    assert components.lost == ["FailsAtClose failed: no disk"]
