from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vad_edge.cli import main


def test_check_prints_findings_as_json_and_fails_with_1() -> None:
    result = CliRunner().invoke(main, ["mqtt", "check", "--broker", "mqtt://127.0.0.1:9", "--json"])
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["subject"], finding["state"]) == ("connect", "fail")


@pytest.mark.parametrize("command", [("mqtt", "check"), ("mqtt", "listen"), ("alarm", "test", "--yes")])
def test_without_a_broker_a_command_says_what_to_give(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, list(command))
    assert result.exit_code == 2
    assert "no broker is given; give --broker mqtt://HOST" in result.output


@pytest.mark.parametrize("name", ["a/#", "+", "shop/front", "", "-x", "a" * 65])
def test_a_site_name_with_wildcards_is_refused(name: str) -> None:
    result = CliRunner().invoke(main, ["mqtt", "check", "--broker", "mqtt://h", f"--site={name}"])
    assert result.exit_code == 2
    assert "is not a name; give letters, digits, '-' and '_'" in result.output


def test_an_embedded_broker_cannot_be_looked_at_from_outside() -> None:
    result = CliRunner().invoke(main, ["mqtt", "listen", "--broker", "embedded"])
    assert result.exit_code == 2
    assert "an embedded broker lives in its run alone" in result.output


def test_the_alarm_test_asks_before_it_sounds_anything(mosquitto: Any, tmp_path: Path) -> None:
    arguments = ["alarm", "test", "--broker", mosquitto.broker.address, "--camera", "front"]
    result = CliRunner().invoke(main, [*arguments, "--output", str(tmp_path)], input="n\n")
    assert result.exit_code == 1
    assert "This sounds whatever listens to home/front. Go on?" in result.output
    assert list(tmp_path.glob("events.db*")) == []


def test_listen_shows_what_a_site_says(mosquitto: Any, connect: Any) -> None:
    speaker = connect(mosquitto.broker, "speaker")
    speaker.set_retained("vad-edge/shop/front/availability", b"online")
    threading.Timer(1.0, lambda: speaker.publish("vad-edge/shop/front/risk", b"2.5", qos=1)).start()
    arguments = ["mqtt", "listen", "--broker", mosquitto.broker.address, "--duration", "3s", "--json"]
    quiet = CliRunner().invoke(main, [*arguments, "--risk"])
    lines = [json.loads(line) for line in quiet.stdout.splitlines()]
    assert [(line["topic"], line["text"], line["retained"]) for line in lines] == [
        ("availability", "online", True),
        ("risk", "2.5", False),
    ]
    result = CliRunner().invoke(main, arguments[:-1])
    assert "shop/front availability (kept): online" in result.stdout
    assert "risk" not in result.stdout


def test_listen_without_a_broker_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vad_edge.mqtt.listener.CONNECT_S", 0.5)
    result = CliRunner().invoke(main, ["mqtt", "listen", "--broker", "mqtt://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "connection refused by 127.0.0.1:9" in result.output
