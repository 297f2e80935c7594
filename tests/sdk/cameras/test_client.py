"""Who we are to a camera, and what it says then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from pydantic import SecretStr
from tests.sdk.cameras.onvif_server import PASSWORD, USER, OnvifServer

from vad_edge.cameras.client import OnvifClient
from vad_edge.cameras.login import CameraLogin
from vad_edge.cameras.soap import DEVICE, EVENTS, MEDIA, MEDIA2, text_of
from vad_edge.errors import CameraError

LOGIN = CameraLogin(USER, SecretStr(PASSWORD))
WRONG = CameraLogin(USER, SecretStr("wrong"))


@pytest.fixture
def digest_camera() -> Iterator[OnvifServer]:
    server = OnvifServer("digest")
    yield server
    server.close()


def model(client: OnvifClient) -> str:
    return text_of(client.ask(DEVICE, "GetDeviceInformation"), "Model")


def test_a_camera_answers_who_shows_the_password_by_ws_security(camera: OnvifServer) -> None:
    assert model(OnvifClient(camera.url, LOGIN)) == "Cam 1"
    assert not any(PASSWORD in body for body in camera.bodies)


@pytest.mark.parametrize("offset_s", [-86400.0, 3600.0])
def test_the_cameras_clock_is_taken_into_account(camera: OnvifServer, offset_s: float) -> None:
    camera.offset_s = offset_s
    client = OnvifClient(camera.url, LOGIN)
    assert model(client) == "Cam 1"
    assert client.clock_offset_s() == pytest.approx(offset_s, abs=2.0)
    assert camera.calls.count("GetSystemDateAndTime") == 1


def test_our_own_clock_may_be_wrong_too(camera: OnvifServer) -> None:
    client = OnvifClient(camera.url, LOGIN, utc=lambda: datetime.now(timezone.utc) - timedelta(days=20_000))
    assert model(client) == "Cam 1"


def test_http_digest_is_taken_where_the_camera_asks_for_it(digest_camera: OnvifServer) -> None:
    client = OnvifClient(digest_camera.url, LOGIN)
    assert [model(client), model(client)] == ["Cam 1", "Cam 1"]
    # Known from the first challenge on: not asked for again.
    assert digest_camera.calls.count("GetDeviceInformation") == 3


@pytest.mark.parametrize("login", [WRONG, None])
@pytest.mark.parametrize("way", ["token", "digest"])
def test_a_wrong_password_is_said_so_and_tried_once(way: str, login: CameraLogin | None) -> None:
    server = OnvifServer(way)
    try:
        with pytest.raises(CameraError) as raised:
            model(OnvifClient(server.url, login))
    finally:
        server.close()
    assert raised.value.refused
    assert ("refuses the user admin" in str(raised.value)) is (login is not None)
    assert "wrong" not in str(raised.value)
    # WS-Security and HTTP Digest are tried once each.
    assert server.calls.count("GetDeviceInformation") == (2 if way == "digest" and login is not None else 1)


def test_a_fault_gives_the_cameras_own_words(camera: OnvifServer) -> None:
    with pytest.raises(CameraError, match=r"answers GetUsers with not known \(Receiver/ActionNotSupported\)"):
        OnvifClient(camera.url, LOGIN).ask(DEVICE, "GetUsers")


def test_an_answer_that_is_garbage_is_a_camera_error(camera: OnvifServer) -> None:
    camera.answers["GetDeviceInformation"] = b"<html>login</html>"
    with pytest.raises(CameraError, match="no SOAP message"):
        model(OnvifClient(camera.url, LOGIN))


def test_a_page_instead_of_an_answer_is_named_by_its_status(camera: OnvifServer) -> None:
    camera.answers["GetDeviceInformation"] = lambda handler: handler.reply(b"<html>no", 404)
    with pytest.raises(CameraError, match="GetDeviceInformation with HTTP status 404; check port and path"):
        model(OnvifClient(camera.url, LOGIN))


def test_services_are_looked_for_on_the_host_that_was_given(camera: OnvifServer) -> None:
    camera.advertised = "203.0.113.9:81"
    client = OnvifClient(camera.url, LOGIN)
    assert client.service(MEDIA) == f"http://{camera.address}/onvif/media"
    assert client.at_home("https://evil.example/steal") == f"http://{camera.address}/steal"
    assert client.at_home("http://127.0.0.1:8899/x?y=1") == "http://127.0.0.1:8899/x?y=1"


def test_an_older_camera_names_its_services_by_its_capabilities(camera: OnvifServer) -> None:
    camera.old = True
    client = OnvifClient(camera.url, LOGIN)
    assert client.service(MEDIA2) is None
    assert client.service(EVENTS) == f"http://{camera.address}/onvif/events"


def test_a_clock_that_says_nothing_is_not_known(camera: OnvifServer) -> None:
    camera.answers["GetSystemDateAndTime"] = camera_time("<tt:Hour>25</tt:Hour>")
    assert OnvifClient(camera.url, LOGIN).clock_offset_s() is None


def camera_time(time: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema">'
        "<s:Body><a><SystemDateAndTime><tt:UTCDateTime><tt:Date><tt:Year>2026</tt:Year><tt:Month>1</tt:Month>"
        f"<tt:Day>1</tt:Day></tt:Date><tt:Time>{time}<tt:Minute>0</tt:Minute><tt:Second>0</tt:Second></tt:Time>"
        "</tt:UTCDateTime></SystemDateAndTime></a></s:Body></s:Envelope>"
    ).encode()
