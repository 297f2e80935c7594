"""A camera's own events beside a recording, and what a calibration makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer

from vad_edge.cameras.recording import recorded_events
from vad_edge.cameras.streams import with_camera_streams
from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.errors import ConfigError

MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"


def front(camera: OnvifServer, folder: Path) -> CameraConfig:
    (folder / "password").write_text(PASSWORD)
    onvif = OnvifConfig(
        address=camera.address, user=USER, password_file=folder / "password", kinds=("motion",)
    )
    return CameraConfig(name="front", onvif=onvif)


def test_what_a_camera_notices_comes_as_messages_of_its_stream(camera: OnvifServer, tmp_path: Path) -> None:
    config = front(camera, tmp_path)
    site = with_camera_streams(SiteConfig(camera=(config,)))
    heard: list[tuple[str, bytes]] = []
    camera.notify(MOTION, {"IsMotion": "false"})
    with recorded_events(config, site, lambda topic, payload: heard.append((topic, payload)), pull_s=1.0):
        assert camera.wait_for(lambda: heard != [])
        camera.notify(MOTION, {"IsMotion": "true"})
        assert camera.wait_for(lambda: heard[-1][1] == b"on")
    assert heard[0] == ("$pushed/front_motion", b"off")
    assert camera.subscriptions == {}


def test_a_camera_without_such_a_table_is_not_asked(camera: OnvifServer) -> None:
    with recorded_events(CameraConfig(name="yard"), SiteConfig(), lambda topic, payload: None):
        pass
    assert camera.calls == []


def test_a_password_that_cannot_be_read_ends_it_before_it_begins(camera: OnvifServer, tmp_path: Path) -> None:
    config = front(camera, tmp_path)
    (tmp_path / "password").unlink()
    with (
        pytest.raises(ConfigError, match="cannot read the password"),
        recorded_events(config, SiteConfig(camera=(config,)), lambda topic, payload: None),
    ):
        pass
