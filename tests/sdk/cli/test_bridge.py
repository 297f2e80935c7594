"""The bridges as a user starts them: programs of their own, ended by a signal."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.http_server import serve
from tests.support.mosquitto import wait_until

from vad_edge.cli import main
from vad_edge.mqtt.client import MqttClient

__all__ = ["serve"]

ROOT = Path(__file__).parents[3]
CAMERA = 'site = "shop"\n[[camera]]\nname = "door"\n'

needs_bacnet = pytest.mark.skipif(find_spec("bacpypes3") is None, reason="needs the extra bacnet")


class Program:
    """A process whose output is read as it comes."""

    def __init__(self, *arguments: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_unbuffered(),
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(list(self.lines))

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self._reader.join(5)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(output)


def _unbuffered() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def new(*arguments: str) -> Program:
        started.append(Program(*arguments))
        return started[-1]

    yield new
    for each in started:
        each.end()


@pytest.fixture
def camera(mosquitto: Any) -> Iterator[Any]:
    """Speaks for the camera, and keeps what is heard on its command topic and from Sparkplug."""

    class Camera:
        heard: list[tuple[str, bytes]] = []  # noqa: RUF012
        client = MqttClient(
            mosquitto.broker,
            client_id="camera",
            on_message=lambda topic, payload: Camera.heard.append((topic, payload)),
        )

        def say(self, leaf: str, payload: bytes, retained: bool = True) -> None:
            handle = self.client.publish(f"vad-edge/shop/door/{leaf}", payload, qos=1, retain=retained)
            assert handle.wait(5)

        def topics(self) -> list[str]:
            return [topic for topic, _ in list(self.heard)]

    made = Camera()
    for topic in ("vad-edge/shop/door/command", "spBv1.0/#"):
        made.client.subscribe(topic)
    made.client.start()
    assert made.client.wait_subscribed(10)
    made.say("state", b'{"level": "normal", "risk": 0.5}')
    made.say("availability", b"online")
    yield made
    made.client.stop()


def _site(folder: Path, text: str) -> str:
    path = folder / "site.toml"
    path.write_text(CAMERA + text)
    return str(path)


@pytest.fixture
def webhook_bridge(
    program: Callable[..., Program],
    mosquitto: Any,
    camera: Any,
    tmp_path: Path,
    serve: Callable[..., Any],
) -> Callable[..., tuple[Program, Any]]:
    """Starts a bridge with these options; it and its endpoint, once it hears the camera."""
    server = serve()
    config = _site(tmp_path, f'[webhook]\nurl = "{server.url}"\n')
    options = ("--config", config, "--broker", mosquitto.broker.address, "--state", str(tmp_path / "state"))

    def start(*more: str) -> tuple[Program, Any]:
        bridge = program("-m", "vad_edge", "bridge", "webhook", *options, *more)
        wait_until(lambda: "connected to broker" in bridge.text, "the bridge", timeout_s=30)
        return bridge, server

    return start


def _event(id_: str) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id_, "source": "/x", "type": "t", "data": {}}


def _say_until(camera: Any, event: dict[str, Any], taken: Callable[[], bool]) -> None:
    """Say the event again and again: the bridge may not have subscribed yet."""

    def said() -> bool:
        camera.say("event", json.dumps(event).encode(), retained=False)
        return taken()

    wait_until(said, "the event")


@pytest.mark.parametrize("bridge", ["bacnet", "webhook"])
def test_a_bridge_without_its_table_says_so(tmp_path: Path, bridge: str) -> None:
    config = _site(tmp_path, "")
    result = CliRunner().invoke(main, ["bridge", bridge, "--config", config, "--broker", "mqtt://h"])
    assert result.exit_code == 2
    assert f"there is no [{bridge}] table; examples/site.toml shows one" in result.output


@pytest.mark.parametrize("url", ["none", "embedded"])
@pytest.mark.parametrize("bridge", ["bacnet", "webhook", "sparkplug"])
def test_a_bridge_needs_a_broker_it_can_reach(tmp_path: Path, bridge: str, url: str) -> None:
    config = _site(tmp_path, f'[broker]\nurl = "{url}"\n')
    result = CliRunner().invoke(main, ["bridge", bridge, "--config", config])
    assert result.exit_code == 2
    assert f"broker.url is '{url}': a bridge needs a broker of its own standing" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[bacnet]\naddress = "192.0.2.5"\ninstance = 1\n', "bacnet.address"),
        ('[bacnet]\naddress = "192.0.2.5/24:65536"\ninstance = 1\n', "bacnet.address"),
        ('[bacnet]\naddress = "192.0.2.5/24"\n', "bacnet.instance: this key is missing"),
        (
            '[bacnet]\naddress = "192.0.2.5/24"\ninstance = 1\nrecipients = ["host"]\n',
            "bacnet.recipients: 'host' is neither an IPv4 address[:port] nor 'broadcast'",
        ),
        (
            '[bacnet]\naddress = "192.0.2.5/24"\ninstance = 1\nbbmd = "host"\n',
            "bacnet.bbmd: 'host' is not an IPv4 address[:port]",
        ),
        ('[webhook]\nurl = "ftp://x/"\n', "webhook.url: give https://host[:port]/path"),
        ('[webhook]\nurl = "https://u:p@x/"\n', "credentials do not belong into the URL"),
        ('[webhook]\nurl = "https://x/"\nmod = "binary"\n', "did you mean 'mode'?"),
        ('[sparkplug]\ngroup = "a/b"\n', "sparkplug.group"),
    ],
)
def test_a_table_that_is_wrong_is_explained(tmp_path: Path, text: str, message: str) -> None:
    config = _site(tmp_path, text)
    result = CliRunner().invoke(main, ["bridge", "webhook", "--config", config])
    assert result.exit_code == 2
    assert message in result.output


@needs_bacnet
def test_the_example_supervisor_sees_an_alarm_and_acknowledges_it(
    program: Callable[..., Program], mosquitto: Any, camera: Any, tmp_path: Path
) -> None:
    from tests.support.bacnet import free_udp_port

    ours, theirs = free_udp_port(), free_udp_port()
    config = _site(
        tmp_path,
        f'[bacnet]\naddress = "127.0.0.1/24:{ours}"\ninstance = 5\nrecipients = ["127.0.0.1:{theirs}"]\n',
    )
    options = ("--config", config, "--broker", mosquitto.broker.address, "--state", str(tmp_path))
    bridge = program("-m", "vad_edge", "bridge", "bacnet", *options)
    wait_until(lambda: "connected to broker" in bridge.text, "the bridge", timeout_s=30)
    supervisor = program(
        "examples/bacnet_supervisor.py",
        *("--listen", f"127.0.0.1/24:{theirs}", "--device", f"127.0.0.1:{ours}"),
        *("--acknowledge-as", "night porter"),
    )
    wait_until(lambda: "door level: present-value 1" in supervisor.text, "its values", timeout_s=30)
    camera.say("state", b'{"level": "alarm", "risk": 4.5, "incident": "i-1"}')
    wait_until(lambda: "vad-edge/shop/door/command" in camera.topics(), "the command", timeout_s=30)
    command = json.loads(camera.heard[-1][1])
    assert (command["command"], command["incident"]) == ("acknowledge", "i-1")
    wait_until(lambda: "ack-notification binary-value,1" in supervisor.text, "the acknowledgement")
    assert "alarm binary-value,1 to offnormal, priority 96: door: alarm, risk 4.5" in supervisor.text
    assert "door level: present-value 4" in supervisor.text
    assert bridge.end() == 0, bridge.text
    assert "Traceback" not in bridge.text


def test_the_webhook_bridge_delivers_and_ends_on_a_signal(
    webhook_bridge: Callable[..., tuple[Program, Any]], camera: Any, tmp_path: Path
) -> None:
    bridge, server = webhook_bridge()
    _say_until(camera, _event("e1"), lambda: bool(server.requests))
    assert [json.loads(request.body) for request in server.requests] == [_event("e1")]
    assert bridge.end() == 0, bridge.text
    assert (tmp_path / "state" / "webhook.db").exists()


def test_a_bridge_s_log_can_be_read_by_a_program(
    webhook_bridge: Callable[..., tuple[Program, Any]], camera: Any
) -> None:
    bridge, _ = webhook_bridge("--json")
    _say_until(camera, _event("e1"), lambda: "event e1 was taken" in bridge.text)
    assert bridge.end() == 0, bridge.text
    lines = [json.loads(line) for line in bridge.lines]
    assert {(line["level"], line["from"]) for line in lines} >= {("info", "vad_edge.bridges.webhook.bridge")}
    assert all(line["time"].endswith("Z") for line in lines)


@pytest.mark.slow
def test_a_webhook_bridge_that_is_killed_loses_no_event(
    webhook_bridge: Callable[..., tuple[Program, Any]], camera: Any
) -> None:
    bridge, server = webhook_bridge()
    chance = random.Random(7)
    sent: list[str] = []
    numbers = itertools.count()

    def delivered() -> set[str]:
        return {json.loads(request.body)["id"] for request in list(server.requests)}

    def send() -> None:
        sent.append(f"e{next(numbers):04d}")
        camera.say("event", json.dumps(_event(sent[-1])).encode(), retained=False)

    def first_arrived() -> bool:
        send()
        return bool(server.requests)

    wait_until(first_arrived, "the first event")
    sent[:] = sorted(delivered())  # before that there was no session
    for _ in range(4):
        for _ in range(chance.randrange(20, 100)):
            send()
        bridge.process.kill()
        for _ in range(10):
            send()
        bridge, _ = webhook_bridge()
    wait_until(lambda: set(sent) <= delivered(), "every event", timeout_s=30)


def test_the_sparkplug_bridge_is_born_and_dies(
    program: Callable[..., Program], mosquitto: Any, camera: Any, tmp_path: Path
) -> None:
    pytest.importorskip("google.protobuf")
    options = (
        "--config",
        _site(tmp_path, ""),
        "--broker",
        mosquitto.broker.address,
        "--state",
        str(tmp_path),
    )
    bridge = program("-m", "vad_edge", "bridge", "sparkplug", *options)
    wait_until(lambda: "spBv1.0/vad-edge/DBIRTH/shop/door" in camera.topics(), "the birth", timeout_s=30)
    assert bridge.end() == 0, bridge.text
    wait_until(lambda: camera.topics()[-1] == "spBv1.0/vad-edge/NDEATH/shop", "the death")
