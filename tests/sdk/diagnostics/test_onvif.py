from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer

from vad_edge.config.onvif import OnvifConfig
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.diagnostics.finding import Finding
from vad_edge.diagnostics.onvif import check_onvif


@pytest.fixture
def camera() -> Iterator[OnvifServer]:
    server = OnvifServer()
    yield server
    server.close()


def found(camera: OnvifServer, folder: Path, password: str = PASSWORD, **settings: Any) -> Finding:
    (folder / "password").write_text(password)
    given = {"address": camera.address, "user": USER, "password_file": folder / "password", **settings}
    site = SiteConfig(
        camera=(CameraConfig(name="front", onvif=OnvifConfig(**given)), CameraConfig(name="yard"))
    )
    (finding,) = check_onvif(site)
    return finding


def test_a_camera_that_offers_what_is_asked_is_well(camera: OnvifServer, tmp_path: Path) -> None:
    finding = found(camera, tmp_path, relay="relay1")
    assert (finding.subject, finding.state) == ("onvif of camera front", "ok")
    assert finding.text == "Example Cam 1, events: motion, tamper"


def test_what_a_camera_lacks_is_named(camera: OnvifServer, tmp_path: Path) -> None:
    finding = found(camera, tmp_path, kinds=("face",), relay="relay7")
    assert finding.state == "warn"
    assert finding.text == "Example Cam 1; it has no events of the kinds face; it has no output 'relay7'"


def test_a_clock_that_is_off_is_named(camera: OnvifServer, tmp_path: Path) -> None:
    camera.offset_s = 600.0
    assert "ahead of this machine's: set NTP on both" in found(camera, tmp_path).text


def test_a_wrong_password_is_worth_knowing_and_a_missing_file_ends_a_run(
    camera: OnvifServer, tmp_path: Path
) -> None:
    refused = found(camera, tmp_path, "Wrong#1")
    assert refused.state == "warn"
    assert "refuses the user" in refused.text
    assert "Wrong" not in f"{refused}"
    assert found(camera, tmp_path, password_file=tmp_path / "gone").state == "fail"
