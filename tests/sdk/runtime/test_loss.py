"""A live camera that breaks off: no frame is not a calm frame."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.footage import quiet_frames, with_block
from tests.support.runs import POLICY, Notes

from vad_edge.clock import RunClock
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.errors import SourceError
from vad_edge.runtime.settings import RunSummary
from vad_edge.video.frame import Frame
from vad_edge.video.source import SourceInfo, SourceRequest

pytestmark = pytest.mark.slow


class Wire:
    """A live camera of ten frames a second, whose cable is pulled after the last one and plugged in again."""

    def __init__(self, *takes: list[NDArray[np.uint8]], pause_s: float = 0.0) -> None:
        self._takes = list(takes)
        self._pause_s = pause_s
        self._free_s = 0.0

    def __call__(self, request: SourceRequest) -> WireSource:
        if not self._takes or time.monotonic() < self._free_s:
            raise SourceError("no route to the camera", where="wire")
        self._free_s = time.monotonic() + len(self._takes[0]) / 10 + self._pause_s
        return WireSource(self._takes.pop(0), request.clock)


class WireSource:
    def __init__(self, frames: list[NDArray[np.uint8]], clock: RunClock) -> None:
        self.info = SourceInfo("wire", True, 10.0, 64, 48)
        self._frames = frames
        self._clock = clock
        self._index = 0
        self._began = time.monotonic()

    def read(self) -> Frame | None:
        if self._index == len(self._frames):
            raise SourceError("the cable was pulled", where="wire")
        time.sleep(max(self._began + self._index / 10 - time.monotonic(), 0.0))
        frame = Frame(self._index, self._clock.now(), self._frames[self._index])
        self._index += 1
        return frame

    def close(self) -> None:
        pass


def alarming(frames: int = 50) -> list[NDArray[np.uint8]]:
    return with_block(quiet_frames(frames, seed=1), 40, frames - 1)


def watched(hold_s: float) -> SiteConfig:
    return SiteConfig(camera=(CameraConfig(name="front", source=97, policy=POLICY, hold_s=hold_s),))


def test_a_camera_cut_in_an_alarm_keeps_its_level_then_ends_it_as_lost_and_is_a_tamper(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    notes, wire = Notes(), Wire(alarming())

    summary = go(notes=notes, site=watched(4.0), sources={"front": wire}, duration_s=11.0)

    kinds = [event.kind for event in notes.events]
    assert kinds[-1] == "cleared"
    assert "lowered" not in kinds
    cleared = notes.events[-1]
    (tampered,) = (event for event in notes.events if event.kind == "tampered")
    assert cleared.ending == "camera_lost"
    assert "lost: " in tampered.tamper
    cut_s = notes.results[-1].frame.time_s
    assert tampered.time_s - cut_s < 3.0
    assert 3.9 <= cleared.time_s - cut_s < 6.0
    assert notes.codes().count(("camera_lost", "front")) == 1
    assert summary.problems == (f"camera front is lost: {notes.conditions[-1].message}",)


def test_a_camera_that_returns_in_its_incident_goes_on_with_it(
    go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    notes, stop = Notes(), threading.Event()
    wire = Wire(alarming(), quiet_frames(120, seed=1), pause_s=2.0)

    summary = go(notes=notes, site=watched(60.0), sources={"front": wire}, stop=stop, duration_s=17.0)

    level_events = [event for event in notes.events if not event.tamper]
    assert len({event.incident for event in level_events}) == 1
    assert level_events[-1].ending == "calm"
    returned_s = next(
        result.frame.time_s for result in notes.results if result.frame.index == 0 and result.frame.time_s > 4
    )
    assert level_events[-1].time_s > returned_s
    assert [event.kind for event in notes.events if event.tamper] == ["tampered", "restored"]
    assert [(event.code, event.state) for event in notes.conditions if event.code == "camera_lost"] == [
        ("camera_lost", "raised"),
        ("camera_lost", "cleared"),
    ]
    assert summary.problems == ()


class Dawdler(WireSource):
    """A camera that claims 25 frames a second and gives five."""

    def __init__(self, request: SourceRequest) -> None:
        super().__init__(quiet_frames(60, seed=1), request.clock)
        self.info = SourceInfo("dawdler", True, 25.0, 64, 48)

    def read(self) -> Frame | None:
        time.sleep(0.2)
        return super().read()


def test_a_camera_that_gives_fewer_frames_than_it_claims_is_told_as_slow(
    go: Callable[..., RunSummary],
) -> None:
    notes = Notes()
    go(notes=notes, site=watched(60.0), sources={"front": Dawdler}, duration_s=6.0)
    (condition,) = (event for event in notes.conditions if event.code == "slow_source")
    assert float(condition.params["fps"]) == pytest.approx(5.0, abs=0.5)


def test_cameras_that_do_not_answer_are_waited_for_at_once_and_the_others_run(
    go: Callable[..., RunSummary],
) -> None:
    all_asked = threading.Barrier(5)

    def dead(request: SourceRequest) -> WireSource:
        with contextlib.suppress(threading.BrokenBarrierError):
            all_asked.wait(timeout=20.0)
            met.append(request.place)
        raise SourceError("no answer", where="wire")

    alive = ("north", "south", "west")
    names = (*alive, *(f"dead{number}" for number in range(5)))
    site = SiteConfig(camera=tuple(CameraConfig(name=name, source=97) for name in names))
    sources = {name: Wire(quiet_frames(200, seed=1)) if name in alive else dead for name in names}
    met: list[str] = []
    notes = Notes()
    summary = go(notes=notes, site=site, sources=sources, duration_s=5.0)
    assert {result.camera for result in notes.results} == set(alive)
    assert {subject for code, subject in notes.codes() if code == "camera_lost"} == set(names) - set(alive)
    assert len(summary.problems) == 5
    assert len(met) >= 5
