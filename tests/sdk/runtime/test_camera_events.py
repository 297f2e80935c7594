"""A camera's own events in a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer
from tests.support.footage import quiet_frames
from tests.support.runs import POLICY, Notes

from vad_edge.bundle.archive import Bundle
from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.errors import ConfigError
from vad_edge.health.board import HealthBoard
from vad_edge.health.conditions import Condition
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera_events import UNKNOWN, CameraEvents
from vad_edge.runtime.loop import run
from vad_edge.runtime.settings import RunSettings
from vad_edge.video.frame import Frame
from vad_edge.video.source import SourceInfo, SourceRequest

MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"


class LiveFrames:
    """A live camera that shows quiet frames for ever."""

    def __init__(self, request: SourceRequest) -> None:
        self._clock, self._number = request.clock, 0
        self._images = quiet_frames(30)
        height, width = self._images[0].shape[:2]
        self.info = SourceInfo("live", live=True, fps=25.0, width=width, height=height)

    def read(self) -> Frame | None:
        time.sleep(0.04)
        self._number += 1
        return Frame(self._number, self._clock.now(), self._images[self._number % len(self._images)])

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def camera() -> Iterator[OnvifServer]:
    server = OnvifServer()
    yield server
    server.close()


@pytest.fixture
def settings(camera: OnvifServer, calibrated_bundle: Bundle, tmp_path: Path) -> RunSettings:
    (tmp_path / "password").write_text(PASSWORD)
    onvif = OnvifConfig(
        address=camera.address,
        user=USER,
        password_file=tmp_path / "password",
        kinds=("motion", "tamper"),
    )
    front = CameraConfig(name="front", onvif=onvif, policy=POLICY)
    return RunSettings(
        SiteConfig(camera=(front,)),
        calibrated_bundle,
        output=tmp_path / "out",
        duration_s=30.0,
        sources={"front": LiveFrames},
    )


def values(result: FrameResult) -> dict[str, float | None]:
    return {view.name: view.value for view in result.sensors}


def test_a_cameras_own_events_are_streams_of_a_run(camera: OnvifServer, settings: RunSettings) -> None:
    stop = threading.Event()
    camera.notify(MOTION, {"IsMotion": "false"})
    camera.notify("tns1:Own/Washer", {"State": "true"})
    seen: list[dict[str, float | None]] = []

    def look(result: FrameResult) -> None:
        if not seen or seen[-1] != values(result):
            seen.append(values(result))
            if seen[-1]["front_motion"] == 0.0:
                camera.notify(MOTION, {"IsMotion": "true"})
            elif seen[-1]["front_motion"] == 1.0:
                stop.set()

    run(settings, [Notes(look)], stop)
    assert [each["front_motion"] for each in seen if each["front_motion"] is not None] == [0.0, 1.0]
    assert seen[-1]["front_tamper"] is None
    assert camera.calls[-1] == "Unsubscribe"


def test_a_camera_whose_events_are_not_heard_is_a_condition_and_the_run_goes_on(
    camera: OnvifServer, settings: RunSettings
) -> None:
    camera.password = "another"  # noqa: S105
    stop, notes = threading.Event(), Notes()

    def look(result: FrameResult) -> None:
        if ("camera_events_lost", "front") in notes.codes():
            stop.set()

    notes._at = look
    summary = run(settings, [notes], stop)
    assert ("camera_events_lost", "front") in notes.codes()
    (told,) = [each.message for each in notes.conditions if each.code == "camera_events_lost"]
    assert "refuses the user admin" in told
    assert PASSWORD not in told
    assert summary.frames > 0


def test_a_password_file_that_is_not_there_ends_the_run_before_it_begins(settings: RunSettings) -> None:
    (front,) = settings.site.camera
    assert front.onvif is not None
    onvif = front.onvif.model_copy(update={"password_file": Path("/nowhere/password")})
    changed = replace(settings, site=SiteConfig(camera=(front.model_copy(update={"onvif": onvif}),)))
    with pytest.raises(ConfigError, match=r"camera front: onvif\.password_file \(/nowhere/password\)"):
        run(changed)


@dataclass
class Told:
    """A listener as the component looks at it."""

    camera: str = "front"
    problem: str = ""
    unknown: int = 0
    ended: list[str] = field(default_factory=list)

    def stop(self) -> None:
        self.ended.append("stop")

    def close(self) -> None:
        self.ended.append("close")


def test_problems_begin_and_end_and_unknown_states_are_counted_once() -> None:
    health = HealthBoard()
    front, yard = Told(), Told("yard")
    component = CameraEvents([front, yard], health)  # type: ignore[list-item]
    front.problem, front.unknown, yard.unknown = "no answer", 2, 1
    component.on_tick(1.0)
    component.on_tick(2.0)
    assert health.snapshot().counters == {UNKNOWN: 3}
    assert [(each.code, each.subject) for each in health.snapshot().conditions] == [
        (Condition.CAMERA_EVENTS_LOST, "front")
    ]
    front.problem, front.unknown = "", 5
    component.on_tick(3.0)
    assert health.snapshot().counters == {UNKNOWN: 6}
    assert health.snapshot().conditions == ()
    component.close()
    assert front.ended == yard.ended == ["stop", "close"]
