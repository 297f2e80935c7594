"""`vad-edge cameras` from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer

from vad_edge.cameras.discovery import FoundCamera
from vad_edge.cli import main
from vad_edge.config.load import parse_site


@pytest.fixture
def camera() -> Iterator[OnvifServer]:
    server = OnvifServer()
    yield server
    server.close()


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password.txt"
    file.write_text(PASSWORD)
    return file


def test_a_camera_is_shown_with_a_table_for_the_site_file(camera: OnvifServer, password: Path) -> None:
    result = CliRunner().invoke(
        main,
        [
            "cameras",
            "show",
            camera.address,
            "--user",
            USER,
            "--password-file",
            str(password),
            "--name",
            "front",
        ],
    )
    assert result.exit_code == 0, result.output
    assert "camera   Example Cam 1" in result.output
    assert "stream   sub: H264 640x360, 15 frames a second, rtsp://127.0.0.1:8554/p2" in result.output
    assert "events   motion, tamper (3 topics in all)" in result.output
    assert "outputs  relay1" in result.output
    assert "Secret" not in result.output
    block = result.output.partition("for the site file:")[2]
    assert parse_site(block, Path("site.toml")).camera[0].name == "front"


def test_a_camera_is_shown_to_machines(camera: OnvifServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAD_EDGE_ONVIF_PASSWORD", PASSWORD)
    result = CliRunner().invoke(main, ["cameras", "show", camera.url, "--user", USER, "--json"])
    facts = json.loads(result.stdout)
    assert facts["model"] == "Cam 1"
    assert abs(facts["clock_offset_s"]) < 5
    assert facts["profiles"][0]["codec"] == "H265"
    assert "[camera.onvif]" in facts["site"]
    assert "Secret" not in result.output


def test_a_wrong_password_ends_with_one_line(camera: OnvifServer, password: Path) -> None:
    password.write_text("Wrong#1")
    result = CliRunner().invoke(
        main, ["cameras", "show", camera.address, "--user", USER, "--password-file", str(password)]
    )
    assert result.exit_code == 1
    assert "refuses the user admin or the password; check both" in result.output
    assert "Wrong" not in result.output


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    result = CliRunner().invoke(main, ["cameras", "show", "http://admin:Secret1@192.0.2.10"])
    assert result.exit_code == 2
    assert "does not belong into the address" in result.output
    assert "Secret1" not in result.output


def test_found_cameras_are_listed_and_their_words_are_shown_and_not_obeyed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = FoundCamera(
        "urn:uuid:1",
        "192.0.2.10",
        ("http://192.0.2.10/onvif/device_service",),
        ("onvif://www.onvif.org/name/%1B%5B2J", "onvif://www.onvif.org/hardware/C1"),
    )
    monkeypatch.setattr("vad_edge.cameras.discovery.discover", lambda *_, **__: [found])
    shown = CliRunner().invoke(main, ["cameras", "discover"]).output
    assert "\\x1b[2J (C1)" in shown
    assert "  address http://192.0.2.10/onvif/device_service" in shown
    assert "  scope   onvif://www.onvif.org/hardware/C1" in shown
    (row,) = json.loads(CliRunner().invoke(main, ["cameras", "discover", "--json"]).stdout)
    assert row["hardware"] == "C1"


def test_no_answer_says_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vad_edge.cameras.discovery.discover", lambda *_, **__: [])
    result = CliRunner().invoke(main, ["cameras", "discover"])
    assert result.exit_code == 0
    assert "check that ONVIF is switched on" in result.output
