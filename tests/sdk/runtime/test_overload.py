"""Overload control on real cameras and a real engine; heat and time are made up."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.cameras import a_camera, a_context
from tests.support.footage import quiet_frames, write_video

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.pack import CameraPack, write_pack
from vad_edge.clock import RunClock
from vad_edge.config.site import BoardConfig, CameraConfig, SiteConfig
from vad_edge.errors import BundleError
from vad_edge.fusion.fuse import Risk
from vad_edge.health.board import HealthBoard, HealthEvent
from vad_edge.health.overload import OverloadLadder, Watched
from vad_edge.health.thermal import Thermal, Zone
from vad_edge.health.vitals import Vitals
from vad_edge.inference.select import open_engine
from vad_edge.pipeline import Lane, VideoPipeline, score_recording
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.runtime import assembly as assemble
from vad_edge.runtime import overload as overload
from vad_edge.runtime.loop import run
from vad_edge.runtime.overload import WINDOW_S, OverloadControl
from vad_edge.runtime.profile import resolve_camera
from vad_edge.runtime.settings import RunSettings
from vad_edge.scoring.tail import fit_calibration
from vad_edge.video.frame import Frame
from vad_edge.video.source import SourceInfo


@pytest.fixture
def slow_pack(calibrated_bundle: Bundle, tmp_path: Path) -> Path:
    """The camera calibrated at half the model's rate."""
    slowed = calibrated_bundle.at_rate(5.0)
    found = score_recording(slowed, write_video(tmp_path / "slow.mkv", quiet_frames(600)))
    calibration = fit_calibration(found.scores[found.warm], ("mean", "peak"), fps=5.0)
    path = tmp_path / "slow.vadc"
    graph = slowed.graph()
    write_pack(
        path,
        CameraPack(
            camera="door",
            graph_sha256=slowed.manifest.members[graph.member],
            precision="fp32",
            fps=5.0,
            calibration=calibration,
            weight=[[0.5] * 6] * 4,
            created="2026-01-01T00:00:00+00:00",
        ),
    )
    return path


class House:
    """A door that may be slowed and a yard that is less important, on a clock that is set by hand."""

    def __init__(self, bundle: Bundle, slow_pack: Path, board: BoardConfig) -> None:
        self.health = HealthBoard()
        self.now = 0.0
        self.celsius = 50.0
        cameras = (
            CameraConfig(name="door", priority=5, slow_calibration=slow_pack),
            CameraConfig(name="yard"),
        )
        self.engine = open_engine(bundle, batch=2, engine="onnxruntime")
        self.cameras = [a_camera(camera, a_context(health=self.health)) for camera in cameras]
        lanes = []
        for camera in self.cameras:
            profile = resolve_camera(camera.config, bundle, self.engine.graph, learned=Path("nowhere"))
            camera.use(profile)
            lanes.append(Lane(camera.name, profile.full.scorer, profile.full.weight))
        self.pipeline = VideoPipeline(self.engine, bundle.manifest, lanes)
        watched = [Watched(each.name, each.config.priority, each.name == "door") for each in self.cameras]
        self.waited_s = 0.0
        self.control = OverloadControl(
            self.cameras,
            self.pipeline,
            self.health,
            board,
            waited_s=lambda: self.waited_s,
            vitals=self.vitals,
            ladder=OverloadLadder(watched, hold_s=10.0, settle_s=20.0, recover_s=60.0)
            if board.load_shedding
            else None,
            monotonic=lambda: self.now,
        )

    def vitals(self) -> Vitals:
        thermal = Thermal((Zone("gpu-thermal", self.celsius, 99.0),))
        return Vitals(thermal, "15W", 10.0, 10.0, 50.0, 1000, 1000, True)

    def live(self, seconds: float, busy: float = 0.3) -> None:
        for _ in range(round(seconds / WINDOW_S)):
            self.now += WINDOW_S
            self.waited_s += WINDOW_S * (1.0 - busy)
            self.control.on_tick(self.now)

    def said(self) -> set[tuple[str, str]]:
        return {(each.code, each.subject) for each in self.health.snapshot().conditions}


@pytest.fixture
def house(calibrated_bundle: Bundle, slow_pack: Path) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def build(board: BoardConfig = BoardConfig()) -> House:  # noqa: B008 - frozen
        made.append(House(calibrated_bundle, slow_pack, board))
        return made[-1]

    yield build
    for each in made:
        each.engine.close()


def test_a_hot_board_slows_then_sheds_and_takes_all_back_when_it_is_cool(house: Callable[..., House]) -> None:
    home = house()
    door, yard = home.cameras
    home.live(30)
    assert home.said() == set()
    home.celsius = 98.0
    home.live(15)
    assert (door.fps, yard.fps, yard.shed) == (5.0, 10.0, False)
    assert home.said() == {("board_hot", "board"), ("camera_slowed", "door")}
    home.live(40)
    assert (door.shed, yard.shed) == (False, True)
    assert ("camera_shed", "yard") in home.said()
    home.live(600)
    assert not door.shed
    hot = next(each for each in home.health.snapshot().conditions if each.code == "board_hot")
    assert hot.params == {"celsius": 98.0, "limit_c": 99.0}
    assert hot.message == "gpu-thermal is at 98 °C, its limit is 99; nothing more can be given up"
    home.celsius = 70.0
    home.live(65)
    assert (door.fps, yard.shed) == (5.0, False)
    home.live(65)
    assert door.fps == 10.0
    assert home.said() == set()


def test_a_slowed_camera_is_judged_by_the_calibration_of_its_rate(house: Callable[..., House]) -> None:
    home = house()
    door, _ = home.cameras
    frame = Frame(0, 0.0, np.full((32, 48, 3), 100, np.uint8))
    home.pipeline.step([frame, frame])
    home.celsius = 98.0
    home.live(15)
    assert door.slowed
    assert door.rate is not None
    assert home.pipeline.lanes[0].scorer is door.rate.scorer
    assert home.pipeline.lanes[0].must_reset
    assert not home.pipeline.lanes[1].must_reset
    np.testing.assert_array_equal(home.engine.inputs.weight[0], 0.5)
    np.testing.assert_array_equal(home.engine.inputs.weight[1], 1.0)
    assert [door.admit(Frame(0, time_s, frame.image)).take for time_s in (0.0, 0.1, 0.2, 0.3)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_board_that_is_too_slow_says_so(house: Callable[..., House]) -> None:
    home = house()
    home.live(30, busy=0.99)
    assert home.said() == {("board_late", "board"), ("camera_slowed", "door")}
    text = next(each.message for each in home.health.snapshot().conditions if each.subject == "door")
    assert text == "5 instead of 10 frames a second are looked at, because the board is too slow"


def test_a_camera_in_an_incident_keeps_its_rate(house: Callable[..., House]) -> None:
    home = house()
    door, yard = home.cameras
    for time_s in np.arange(0.0, 3.0, 0.1):
        door.machine.update(Risk(float(time_s), 9.0, ()))
    assert door.machine.incident is not None
    home.celsius = 98.0
    home.live(200)
    assert (door.fps, door.shed, yard.shed) == (10.0, False, True)


def test_an_engine_the_slow_pack_was_not_made_for_ends_the_slow_rate(house: Callable[..., House]) -> None:
    home = house()
    door, _ = home.cameras
    home.celsius = 98.0
    home.live(15)
    assert door.profile is not None
    door.use(replace(door.profile, slow=None))
    home.live(5)
    assert door.fps == 10.0
    assert ("camera_slowed", "door") not in home.said()


def test_without_load_shedding_it_only_says_so(house: Callable[..., House]) -> None:
    home = house(BoardConfig(load_shedding=False, hot_c=45.0))
    home.live(200)
    assert home.said() == {("board_hot", "board")}
    assert [camera.fps for camera in home.cameras] == [10.0, 10.0]


def test_a_slow_calibration_must_be_slower(calibrated_bundle: Bundle, slow_pack: Path) -> None:
    camera = CameraConfig(name="door", slow_calibration=slow_pack)
    slower = calibrated_bundle.at_rate(5.0)
    with pytest.raises(BundleError, match="made at 5 fps, which is no less than the model's 5"):
        resolve_camera(camera, slower, slower.graph(), learned=Path("nowhere"))


class LiveCamera:
    """A live camera of 20 frames a second; counts how often it is let go of."""

    truncated = None
    closed = 0

    def __init__(self, clock: RunClock) -> None:
        self.info = SourceInfo("camera", True, 20.0, 48, 32)
        self._clock, self._frames = clock, quiet_frames(40)

    def read(self) -> Frame | None:
        time.sleep(0.05)
        at = self._clock.now()
        return Frame(int(at * 20), at, self._frames[int(at * 20) % 40])

    def close(self) -> None:
        type(self).closed += 1


class Heat(Observer):
    """An observer that waits for the yard to be shed, and then for frames without it."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop, self.codes = stop, set[tuple[str, str]]()
        self.after = Counter[str]()

    def on_frame(self, result: FrameResult) -> None:
        if ("camera_shed", "yard") in self.codes:
            self.after[result.camera] += 1
            if self.after["door"] >= 20:
                self.stop.set()

    def on_condition(self, event: HealthEvent) -> None:
        self.codes.add((event.code, event.subject))


def test_a_live_run_on_a_hot_board_sheds_its_least_important_camera(
    calibrated_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thermal = Thermal((Zone("gpu-thermal", 98.5, 99.0),))
    hot = Vitals(thermal, "15W", 10.0, None, 50.0, 1000, 1000, None)
    monkeypatch.setattr(assemble, "read_vitals", lambda folder: hot)
    monkeypatch.setattr(assemble, "open_source", lambda spec, clock, **_: LiveCamera(clock))
    monkeypatch.setattr(overload, "WINDOW_S", 0.2)
    monkeypatch.setattr(
        overload, "OverloadLadder", lambda watched: OverloadLadder(watched, hold_s=0.1, settle_s=0.1)
    )
    cameras = (CameraConfig(name="yard", source=1), CameraConfig(name="door", source=0, priority=1))
    stop = threading.Event()
    heat = Heat(stop)
    guard = threading.Timer(60.0, stop.set)
    guard.start()
    run(RunSettings(SiteConfig(camera=cameras), calibrated_bundle, tmp_path), [heat], stop)
    guard.cancel()
    assert {("board_hot", "board"), ("camera_shed", "yard")} <= heat.codes
    assert heat.after["door"] >= 20
    assert heat.after["yard"] <= 2
    assert LiveCamera.closed == 2
