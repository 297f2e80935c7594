from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.events import an_event
from tests.support.footage import quiet_frames, write_video

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.pack import CameraPack, write_pack
from vad_edge.clock import RunClock
from vad_edge.config.site import BoardConfig, BrokerConfig, CameraConfig, SensorConfig, SiteConfig
from vad_edge.diagnostics import doctor
from vad_edge.diagnostics import site as site_check
from vad_edge.diagnostics.doctor import examine
from vad_edge.diagnostics.finding import Finding
from vad_edge.events.store import EventStore
from vad_edge.health.thermal import Thermal, Zone
from vad_edge.mqtt.client import MqttClient
from vad_edge.video.frame import Frame
from vad_edge.video.source import FrameSource, SourceInfo


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_check, "CAMERA_S", 0.2)
    monkeypatch.setattr(site_check, "LISTEN_S", 1.0)


def only(findings: Any) -> Finding:
    (found,) = findings
    return found  # type: ignore[no-any-return]


class Camera:
    """A live camera of a set rate, on a clock of its own."""

    truncated = None

    def __init__(self, fps: float, image: np.ndarray) -> None:
        self.info = SourceInfo("camera", True, None, 48, 32)
        self._fps, self._image, self._frames = fps, image, 0

    def read(self) -> Frame | None:
        self._frames += 1
        return Frame(self._frames, self._frames / self._fps, self._image)

    def close(self) -> None:
        pass


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SiteConfig]:
    """A site whose one camera gives this picture at this rate."""

    def build(fps: float, image: np.ndarray) -> SiteConfig:
        def open_it(
            spec: str | int, clock: RunClock, *, fps: float | None = None, **_: object
        ) -> FrameSource:
            return source

        source = Camera(fps, image)
        monkeypatch.setattr(site_check, "open_source", open_it)
        return SiteConfig(camera=(CameraConfig(name="door", source=0),))

    return build


PICTURE = next(iter(quiet_frames(1)))


def test_a_camera_that_works_says_how_fast(camera: Callable[..., SiteConfig], bundle: Bundle) -> None:
    found = only(site_check.check_cameras(camera(25.0, PICTURE), bundle))
    assert found.state == "ok"
    assert "25.0 frames a second" in found.text


def test_a_camera_slower_than_the_model_is_told(camera: Callable[..., SiteConfig], bundle: Bundle) -> None:
    found = only(site_check.check_cameras(camera(6.0, PICTURE), bundle))
    assert found.state == "warn"
    assert found.text.endswith("6.0 frames a second; the model wants 10")


def test_a_camera_of_another_shape_than_the_model_s_is_told(
    camera: Callable[..., SiteConfig], bundle: Bundle
) -> None:
    upright = quiet_frames(1, height=64, width=48)[0]
    found = only(site_check.check_cameras(camera(25.0, upright), bundle))
    assert found.state == "warn"
    assert "48x64, are squeezed into the model's 48x32" in found.text


def test_a_black_picture_is_told(camera: Callable[..., SiteConfig]) -> None:
    found = only(site_check.check_cameras(camera(25.0, np.zeros_like(PICTURE)), None))
    assert (found.state, "black" in found.text) == ("warn", True)


@pytest.mark.parametrize("source", [None, 63, "nowhere.mkv"])
def test_a_camera_that_is_not_there_is_in_the_way(source: str | int | None) -> None:
    found = only(
        site_check.check_cameras(SiteConfig(camera=(CameraConfig(name="door", source=source),)), None)
    )
    assert found.state == "fail"


def test_a_pack_of_another_graph_is_in_the_way(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    graph = calibrated_bundle.graph()
    assert graph.calibration is not None
    pack = CameraPack(
        camera="door",
        graph_sha256=calibrated_bundle.manifest.members[graph.member],
        precision="fp32",
        fps=10.0,
        calibration=graph.calibration,
        created="2026-01-01T00:00:00+00:00",
    )
    write_pack(tmp_path / "good.vadc", pack)
    write_pack(tmp_path / "bad.vadc", pack.model_copy(update={"graph_sha256": "0" * 64}))
    cameras = (
        CameraConfig(name="good", calibration=tmp_path / "good.vadc"),
        CameraConfig(name="bad", calibration=tmp_path / "bad.vadc"),
        CameraConfig(name="none"),
    )
    found = list(
        site_check.check_calibrations(SiteConfig(camera=cameras), calibrated_bundle, graph, tmp_path)
    )
    assert [each.state for each in found] == ["ok", "fail", "warn"]
    assert "it was made for another graph" in found[1].text


def test_a_store_is_whole_damaged_or_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    assert "is made by the first run" in only(site_check.check_store(path)).text
    store = EventStore(path)
    store.add(an_event())
    store.close()
    assert only(site_check.check_store(path)).text.endswith("1 events wait for the broker")
    path.write_bytes(b"SQLite format 3\0" + b"\7" * 5000)
    assert only(site_check.check_store(path)).state == "fail"


def test_sensors_that_speak_are_heard(mosquitto: Any, connect: Callable[..., MqttClient]) -> None:
    sensors = (
        SensorConfig(name="door", topic="door/+", kind="binary"),
        SensorConfig(name="smoke", topic="smoke", kind="analog", unit="%", maximum=100),
        SensorConfig(name="window", topic="window", kind="binary"),
        SensorConfig(name="pulse", topic="pulse", kind="analog", period_s=0.5),
    )
    speaker = connect(mosquitto.broker, "speaker")
    for topic, payload in (("door/back", b"open"), ("smoke", b"a lot")):
        assert speaker.publish(topic, payload, qos=1, retain=True).wait(5)
    found = list(site_check.check_sensors(SiteConfig(broker=mosquitto.broker, sensor=sensors)))
    assert [each.state for each in found] == ["ok", "fail", "warn", "fail"]
    assert found[0].text == "door/+ says 1"
    assert "speaks when it changes" in found[2].text


def test_the_doctor_looks_at_everything_of_a_site(
    mosquitto: Any, calibrated_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20))
    site = SiteConfig(
        site="shop", camera=(CameraConfig(name="door", source=str(clip)),), broker=mosquitto.broker
    )
    found = {each.subject: each.state for each in examine(bundle=calibrated_bundle.path, site=site)}
    assert {"machine", "clock", "heat", "trust", "disk", "memory", "engine"} <= found.keys()
    assert {subject for subject, state in found.items() if state == "fail"} == set()
    assert found["camera door"] == "ok"
    assert found["broker publish door"] == "ok"
    assert found["store"] == "ok"
    assert found["bundle"] == "ok"


def test_the_doctor_looks_in_the_folder_it_is_given(
    calibrated_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "login"))
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(20))
    site = SiteConfig(camera=(CameraConfig(name="door", source=str(clip)),), broker=BrokerConfig(url="none"))
    output = tmp_path / "service"
    learned = output / "learned" / "door.vadc"
    learned.parent.mkdir(parents=True)
    graph = calibrated_bundle.graph()
    assert graph.calibration is not None
    pack = CameraPack(
        camera="door",
        graph_sha256=calibrated_bundle.manifest.members[graph.member],
        precision=graph.precision,
        fps=calibrated_bundle.manifest.clock.fps,
        calibration=graph.calibration,
        created="2026-03-01T12:00:00Z",
    )
    write_pack(learned, pack)
    found = {
        each.subject: each.text for each in examine(bundle=calibrated_bundle.path, site=site, output=output)
    }
    assert found["disk"].endswith(f"GB free at {output}")
    assert found["store"] == f"{output / 'events.db'} is made by the first run"
    assert found["calibration door"].startswith(f"{learned} fits the fp32 graph")


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    # As for a login below a service's folder, which would not stop root.
    site = SiteConfig(site="home", camera=(CameraConfig(name="door"),), broker=BrokerConfig(url="none"))
    found = {each.subject: each for each in examine(site=site, output=tmp_path / ("x" * 300))}
    assert found["disk"].text.endswith(f"GB free at {tmp_path}")
    assert (found["store"].state, found["store"].fix) == ("fail", "look as the user it belongs to")


def test_the_doctor_knows_the_site_s_own_limit_of_heat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "read_thermal", lambda sysfs: Thermal((Zone("gpu-thermal", 71.0, 99.0),)))
    site = SiteConfig(board=BoardConfig(hot_c=70.0), broker=BrokerConfig(url="none"))
    found = {each.subject: each for each in examine(site=site)}
    assert (found["heat"].state, found["heat"].text) == (
        "warn",
        "gpu-thermal is at 71 °C, its limit is 70 (gpu-thermal 71 °C)",
    )
    assert {each.subject: each.state for each in examine()}["heat"] == "ok"


@pytest.mark.parametrize(
    ("url", "cameras", "state"),
    [
        ("none", ("door",), "warn"),
        ("none", (), "fail"),
        ("embedded", ("door",), "ok"),
        ("embedded", (), "ok"),
    ],
)
def test_sensors_are_heard_with_a_broker_alone_be_it_inside_the_run(
    url: str, cameras: tuple[str, ...], state: str
) -> None:
    sensor = SensorConfig(name="hall", topic="home/hall", kind="binary")
    named = tuple(CameraConfig(name=name, source=0) for name in cameras)
    site = SiteConfig(camera=named, sensor=(sensor,), broker=BrokerConfig(url=url))
    found = only(site_check.check_sensors(site))
    assert (found.subject, found.state) == ("sensors", state)
    assert (found.text == "there is no broker, so no sensor is heard (hall)") == (url == "none")
