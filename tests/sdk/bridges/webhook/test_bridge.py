"""Events from a real Mosquitto to a real HTTP server that fails, stalls and redirects."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.http_server import Server

from vad_edge.bridges.webhook.bridge import WebhookBridge
from vad_edge.config.bridges import WebhookConfig
from vad_edge.config.site import SiteConfig
from vad_edge.errors import ConfigError

Start = Callable[..., Any]
Make = Callable[..., dict[str, Any]]


@pytest.fixture
def start(mosquitto: Any, site: SiteConfig, tmp_path: Path) -> Iterator[Start]:
    """Bridges that wait a fiftieth of the time, and end with the test; each returns how to stop it."""
    running: list[Callable[[], None]] = []

    def new(url: str, **options: Any) -> Callable[[], None]:
        config = WebhookConfig(url=url, **options)
        bridge = WebhookBridge(site, config, mosquitto.broker, tmp_path / "webhook.db", pace=0.02)
        stop = threading.Event()
        thread = threading.Thread(target=bridge.run, args=(stop,))
        thread.start()

        def end() -> None:
            stop.set()
            thread.join(15)
            assert not thread.is_alive()

        running.append(end)
        assert bridge._feed.client.wait_subscribed(10)
        return end

    yield new
    for end in running:
        end()


@pytest.fixture
def tell(speaker: Any, cloudevent: Make) -> Callable[..., None]:
    speaker.connect()

    def tell_(number: int, leaf: str = "event", camera: str = "door") -> None:
        speaker.say(camera, leaf, json.dumps(cloudevent(number, camera)).encode())

    return tell_


def ids(server: Server) -> list[str]:
    return [json.loads(each.body)["id"] for each in list(server.requests)]


def test_an_event_arrives_as_a_cloudevent_with_token_and_signature(
    serve: Callable[..., Server],
    start: Start,
    tell: Callable[..., None],
    eventually: Any,
    cloudevent: Make,
    tmp_path: Path,
) -> None:
    server = serve()
    (tmp_path / "token").write_text("tok\n")
    (tmp_path / "secret").write_text("key\n")
    start(server.url, token_file=tmp_path / "token", secret_file=tmp_path / "secret")
    tell(1)
    eventually(lambda: len(server.requests) == 1, "the event")
    (request,) = server.requests
    assert json.loads(request.body) == cloudevent(1)
    assert request.path == "/hook"
    assert request.headers["authorization"] == "Bearer tok"
    assert request.headers["webhook-signature"].startswith("v1,")


def test_a_late_event_is_marked_as_one(
    serve: Callable[..., Server], start: Start, tell: Callable[..., None], eventually: Any
) -> None:
    server = serve()
    start(server.url, mode="binary")
    tell(1, "event/replay")
    eventually(lambda: len(server.requests) == 1, "the event")
    assert server.requests[0].headers["ce-replay"] == "true"
    assert server.requests[0].headers["ce-id"] == "event-0001"


def test_events_wait_for_an_endpoint_that_fails_stalls_drips_and_hangs_up(
    serve: Callable[..., Server],
    start: Start,
    tell: Callable[..., None],
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve()
    server.rules = [
        server.status(500),
        server.stall,
        server.drip,
        server.hang_up,
        server.status(429, Retry_After="1"),
        server.status(503),
    ]
    with caplog.at_level(logging.INFO, "vad_edge"):
        start(server.url, timeout_s=0.5)
        for number in range(3):
            tell(number)
        eventually(lambda: len(server.requests) == 9, "three events after six failures", timeout_s=20)
    assert ids(server) == ["event-0000"] * 7 + ["event-0001", "event-0002"]
    warnings = [record.message for record in caplog.records if "trying until it works" in record.message]
    assert len(warnings) == 1
    assert "takes events again" in caplog.text


def test_a_redirect_is_not_followed_and_said(
    serve: Callable[..., Server],
    start: Start,
    tell: Callable[..., None],
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    elsewhere, server = serve(), serve()
    server.rules = [server.status(307, Location=elsewhere.url)]
    start(server.url)
    tell(1)
    eventually(lambda: len(server.requests) == 2, "the second try")
    assert elsewhere.requests == []
    assert "set webhook.url to where events belong" in caplog.text


def test_an_event_no_endpoint_takes_lets_the_next_one_pass(
    serve: Callable[..., Server],
    start: Start,
    tell: Callable[..., None],
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve()
    server.rules = [server.status(422)] * 5
    start(server.url)
    tell(1)
    tell(2)
    eventually(lambda: len(server.requests) == 6, "five refusals and a success")
    assert ids(server) == ["event-0001"] * 5 + ["event-0002"]
    assert "event event-0001 was set aside" in caplog.text


def test_an_endpoint_that_was_dead_gets_everything_when_it_comes_back_even_after_a_restart(
    serve: Callable[..., Server], start: Start, tell: Callable[..., None], eventually: Any
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    end = start(f"http://127.0.0.1:{port}/hook")
    for number in range(20):
        tell(number, camera="yard" if number % 2 else "door")
    end()
    server = serve(port=port)
    start(server.url)
    eventually(lambda: len(server.requests) == 20, "all of them")
    assert ids(server) == [f"event-{number:04d}" for number in range(20)]


def test_what_happens_while_the_bridge_is_away_waits_at_the_broker(
    serve: Callable[..., Server], start: Start, tell: Callable[..., None], eventually: Any
) -> None:
    server = serve()
    start(server.url)()
    for number in range(5):
        tell(number)
    assert server.requests == []
    start(server.url)
    eventually(lambda: len(server.requests) == 5, "what was missed")


def test_what_is_no_event_is_left_out_and_said(
    serve: Callable[..., Server],
    start: Start,
    tell: Callable[..., None],
    speaker: Any,
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve()
    start(server.url)
    speaker.say("door", "event", b"\xffgarbage")
    tell(1)
    eventually(lambda: len(server.requests) == 1, "the good one")
    assert "ignored what is no CloudEvent on vad-edge/shop/door/event" in caplog.text


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl:pytest.PytestUnraisableExceptionWarning")
def test_tls_is_verified(
    serve: Callable[..., Server],
    start: Start,
    tell: Callable[..., None],
    eventually: Any,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    server = serve(certificate, key)
    end = start(server.url)
    tell(1)
    eventually(lambda: "its certificate is not trusted" in caplog.text, "the refusal")
    end()
    assert server.requests == []
    start(server.url, ca_file=certificate)
    eventually(lambda: len(server.requests) == 1, "the event")


def test_a_ca_file_that_is_not_there_is_a_config_error(
    site: SiteConfig, mosquitto: Any, tmp_path: Path
) -> None:
    config = WebhookConfig(url="https://h/", ca_file=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match=r"webhook\.ca_file .*No such file"):
        WebhookBridge(site, config, mosquitto.broker, tmp_path / "webhook.db")


def test_a_full_line_gives_up_the_oldest_and_says_so(
    start: Start, speaker: Any, eventually: Any, cloudevent: Make, caplog: pytest.LogCaptureFixture
) -> None:
    speaker.connect()
    start("http://127.0.0.1:9/hook", quota_mib=1)
    for number in range(12):
        speaker.say("door", "event", json.dumps(cloudevent(number, text="x" * 100_000)).encode())
    eventually(lambda: "were given up: more than 1 MiB wait" in caplog.text, "the notice")
