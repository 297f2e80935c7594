"""An output of a camera in a run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer
from tests.sdk.runtime.test_camera_events import LiveFrames
from tests.support.cameras import a_camera
from tests.support.footage import quiet_frames, with_block
from tests.support.runs import POLICY, Notes

from vad_edge.bundle.archive import Bundle
from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.loop import run
from vad_edge.runtime.relay_control import RelayCause, RelayControl, relay_wanted
from vad_edge.runtime.settings import RunSettings
from vad_edge.video.source import SourceRequest

CALM = RelayCause(Level.NORMAL, incident=False, tamper=False, rolled_up=False)


@pytest.mark.parametrize(
    ("state", "before", "wanted"),
    [
        (CALM, False, False),
        (CALM, True, False),
        (RelayCause(Level.WARNING, incident=True, tamper=False, rolled_up=False), False, False),
        (RelayCause(Level.ALARM, incident=True, tamper=False, rolled_up=False), False, True),
        (RelayCause(Level.WATCH, incident=True, tamper=False, rolled_up=False), True, True),
        (RelayCause(Level.ALARM, incident=True, tamper=False, rolled_up=True), False, False),
        (RelayCause(Level.ALARM, incident=True, tamper=False, rolled_up=True), True, True),
        (RelayCause(Level.NORMAL, incident=False, tamper=True, rolled_up=False), False, True),
    ],
)
def test_an_output_is_active_from_an_alarm_to_the_end_of_its_incident(
    state: RelayCause, before: bool, wanted: bool
) -> None:
    assert relay_wanted(state, active=before) is wanted


@dataclass
class Output:
    """An output as the component looks at it."""

    problem: str = ""
    wanted: list[bool] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def want(self, active: bool) -> None:
        self.wanted.append(active)

    def stop(self) -> None:
        self.ended.append("stop")

    def close(self) -> None:
        self.ended.append("close")


def test_an_output_that_fails_is_a_condition_until_it_does_not() -> None:
    health, output = HealthBoard(), Output("no answer")
    control = RelayControl([(a_camera(), output)], health)  # type: ignore[list-item]
    control.on_tick(1.0)
    (condition,) = health.snapshot().conditions
    assert (condition.code, condition.subject) == (Condition.RELAY_FAILED, "front")
    output.problem = ""
    control.on_tick(2.0)
    assert health.snapshot().conditions == ()
    assert output.wanted == [False, False]
    control.close()
    assert output.ended == ["stop", "close"]


@pytest.fixture
def camera() -> Iterator[OnvifServer]:
    server = OnvifServer()
    yield server
    server.close()


class Intruded(LiveFrames):
    """A live camera that shows something unusual after a while, and then no more."""

    def __init__(self, request: SourceRequest) -> None:
        super().__init__(request)
        self._images = [*quiet_frames(60), *with_block(quiet_frames(60), 0, 30)]


def test_an_alarm_makes_the_output_active_and_its_end_inactive(
    camera: OnvifServer, calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    onvif = OnvifConfig(
        address=camera.address,
        user=USER,
        password_file=tmp_path / "password",
        events=False,
        relay="relay1",
    )
    site = SiteConfig(camera=(CameraConfig(name="front", onvif=onvif, policy=POLICY),))
    stop = threading.Event()

    def look(result: FrameResult) -> None:
        if [state for _, state in camera.relays] == ["inactive", "active", "inactive"]:
            stop.set()

    notes = Notes(look)
    settings = RunSettings(
        site, calibrated_bundle, output=tmp_path / "out", duration_s=60.0, sources={"front": Intruded}
    )
    run(settings, [notes], stop)
    assert stop.is_set(), (camera.relays, notes.events)
    assert Level.ALARM in [event.level for event in notes.events]
    assert "PullMessages" not in camera.calls
