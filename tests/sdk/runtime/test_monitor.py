"""What the health watch says of streams and clocks; the parts of a run that it looks at are real."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.support.cameras import a_camera, a_context

from vad_edge.clock import LiveClock
from vad_edge.config.site import CameraConfig, SensorConfig
from vad_edge.health.board import HealthBoard
from vad_edge.health.vitals import VitalsMonitor, read_vitals
from vad_edge.runtime import monitor as watch
from vad_edge.runtime.monitor import CLOCK_TOLD_S, ConditionMonitor
from vad_edge.runtime.profile import CameraProfile, RateProfile
from vad_edge.sensors.hub import SensorHub

DOOR = SensorConfig(name="door", topic="door", kind="binary")
NOISE = SensorConfig(name="noise", topic="noise", kind="analog", period_s=1)


class House:
    """One camera with two sensors, on a clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.0)
        self.run_s, self.at = 0.0, datetime(2026, 3, 1, tzinfo=timezone.utc)
        self.clock = LiveClock(lambda: self.run_s, lambda: self.at)
        self.health = HealthBoard()
        camera = CameraConfig(name="hall")
        context = a_context(clock=self.clock, health=self.health)
        self.camera = a_camera(camera, context)
        self.hub = SensorHub([DOOR, NOISE], self.clock)
        vitals = VitalsMonitor(lambda: read_vitals(tmp_path))
        self.monitor = ConditionMonitor(context, [self.camera], self.hub, lambda: vitals.latest)

    def count(self, weights: dict[str, float], fps: float = 10.0) -> None:
        policy = self.camera.policy
        rate = RateProfile(fps, 1.0, None, policy, 0, 0.0, alarms_per_hour=1.0, weights=weights)
        self.camera.use(CameraProfile(rate))

    def live(self, seconds: float, *, set_s: float = 0.0) -> set[tuple[str, str]]:
        self.run_s += seconds
        self.at += timedelta(seconds=seconds + set_s)
        self.monitor.on_tick(self.clock.now())
        return {(each.code, each.subject) for each in self.health.snapshot().conditions}


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> House:
    return House(monkeypatch, tmp_path)


def test_streams_that_the_present_rate_was_calibrated_without_are_named_and_only_they(house: House) -> None:
    """As when a camera is slowed to a rate whose pack is of video alone."""
    assert house.live(1.0) == set()
    house.count({"door": 1.0, "noise": 1.0}, fps=10.0)
    assert house.live(1.0) == set()
    house.count({}, fps=5.0)
    assert house.live(1.0) == {("sensors_uncalibrated", "hall")}
    (condition,) = house.health.snapshot().conditions
    assert condition.message.startswith("door, noise add nothing to the risk: the alarm budget at 5 frames")
    house.count({"door": 1.0})
    house.live(1.0)
    (condition,) = house.health.snapshot().conditions
    assert condition.message.startswith("noise add nothing")
    house.count({"door": 1.0, "noise": 1.0})
    assert house.live(1.0) == set()


@pytest.mark.parametrize(("set_s", "way"), [(1.7e9, "forward"), (3600.0, "forward"), (-3600.0, "back")])
def test_a_clock_that_is_set_is_said_for_a_while_and_nothing_else_comes_of_it(
    house: House, set_s: float, way: str
) -> None:
    for number in range(200):
        house.hub.accept("noise", b"%d" % (40 + number % 3))
        assert house.live(1.0) == set()
    assert house.live(1.0, set_s=set_s) == {("clock_set", "board")}
    (condition,) = house.health.snapshot().conditions
    assert condition.message.startswith(f"the clock was set {way} by {abs(set_s):,.1f} s")
    for number in range(round(CLOCK_TOLD_S) - 1):
        house.hub.accept("noise", b"%d" % (40 + number % 3))
        assert house.live(1.0) == {("clock_set", "board")}
        assert all(said.surprise < 1.0 for said in house.hub.evidence("hall", house.clock.now()))
    assert house.live(1.0) == set()
    assert house.clock.wall(house.clock.now()) == house.at


def test_a_clock_that_is_slewed_is_no_news(house: House) -> None:
    for _ in range(500):
        assert house.live(0.5, set_s=0.0002) == set()
