"""Cameras that are slow, hang up, or send without end."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from tests.sdk.cameras.onvif_server import OnvifServer

from vad_edge.cameras.exchange import MOST_BYTES, Exchange
from vad_edge.errors import CameraError

ASK = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><Ask/></s:Body></s:Envelope>'


def drip(handler: Any) -> None:
    """A byte now and then, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        while True:
            handler.wfile.write(b"X-A: b\r\n")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return


def hold(handler: Any) -> None:
    handler.server.subscriptions.clear()
    time.sleep(3.0)


def flood(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(3 * MOST_BYTES // 65536):
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return


def test_a_camera_that_sends_a_byte_now_and_then_is_left_in_time(camera: OnvifServer) -> None:
    camera.answers["Ask"] = drip
    with pytest.raises(
        CameraError, match=r"127\.0\.0\.1:\d+: no whole answer within 0.3 s; check its address"
    ):
        Exchange(0.3).post(camera.url, ASK, {})


def test_a_camera_that_says_nothing_is_left_in_time(camera: OnvifServer) -> None:
    camera.answers["Ask"] = hold
    with pytest.raises(CameraError, match=r"no whole answer within 0\.2 s"):
        Exchange(0.2).post(camera.url, ASK, {})


def test_an_answer_without_end_is_not_read(camera: OnvifServer) -> None:
    camera.answers["Ask"] = flood
    with pytest.raises(CameraError, match="more than 1048576 bytes"):
        Exchange().post(camera.url, ASK, {})


def test_one_that_is_not_there_is_named() -> None:
    with pytest.raises(CameraError, match=r"http://127\.0\.0\.1:9: connection refused"):
        Exchange().post("http://127.0.0.1:9/x", ASK, {})


def test_one_that_is_no_web_server_is_named(camera: OnvifServer) -> None:
    camera.answers["Ask"] = lambda handler: handler.wfile.write(b"RTSP/1.0 400 Bad\r\n\r\n")
    with pytest.raises(CameraError, match="does not answer as a web server does"):
        Exchange().post(camera.url, ASK, {})


def test_a_request_is_cut_from_another_thread(camera: OnvifServer) -> None:
    camera.answers["Ask"] = hold
    exchange = Exchange(30.0)
    errors: list[CameraError] = []

    def ask() -> None:
        try:
            exchange.post(camera.url, ASK, {})
        except CameraError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert camera.wait_for(lambda: "Ask" in camera.calls)
    exchange.cut()
    thread.join(2.5)
    assert not thread.is_alive()
    assert len(errors) == 1
