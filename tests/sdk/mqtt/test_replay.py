from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vad_edge.clock import LiveClock, MediaClock
from vad_edge.config.site import BrokerConfig, SensorConfig
from vad_edge.errors import BrokerError, ConfigError
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.replay import replay_sensors
from vad_edge.mqtt.sensors import SensorSubscriber
from vad_edge.mqtt.topics import CameraTopics
from vad_edge.sensors.hub import SensorHub
from vad_edge.sensors.recording import RecordedMessage, write_recording

DOOR = SensorConfig(name="door", topic="home/door", kind="binary")
NOISE = SensorConfig(name="noise", topic="home/+/noise", kind="analog", field="level", unit="dB")
ONLINE = CameraTopics("home", "walkway").availability


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "sensors.jsonl"
    messages = [RecordedMessage(1.5, "home/door", b"open")]
    messages += [
        RecordedMessage(n / 100, "home/hall/noise", json.dumps({"level": n}).encode()) for n in range(400)
    ]
    write_recording(path, messages)
    return path


def test_a_replay_fills_the_hub_of_a_run_on_a_recording(
    mosquitto: Any, connect: Callable[..., MqttClient], recording: Path
) -> None:
    clock = MediaClock()
    hub = SensorHub([DOOR, NOISE], clock)
    subscriber = SensorSubscriber(connect(mosquitto.broker, "run", start=False), hub, "home")
    subscriber.start()
    assert subscriber.wait_ready(10)
    assert not subscriber.wait_for_replay(0)
    sent: list[int] = []
    replayer = threading.Thread(
        target=lambda: sent.append(replay_sensors(recording, mosquitto.broker, site="home"))
    )
    replayer.start()
    subscriber._client.set_retained(ONLINE, b"online")
    assert subscriber.wait_for_replay(10)
    replayer.join(10)
    assert sent == [401]
    assert {view.name: view.value for view in hub.views(1.0)} == {"door": None, "noise": 100.0}
    assert {view.name: view.value for view in hub.views(2.0)} == {"door": 1.0, "noise": 200.0}


def test_a_paced_replay_sends_the_payloads_as_they_were(
    mosquitto: Any, listen: Callable[..., Any], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    path = tmp_path / "short.jsonl"
    write_recording(path, [RecordedMessage(t, "home/door", b"open") for t in (0.0, 1.0, 2.0)])
    listener = listen(mosquitto.broker, "#").ready()
    progress: list[tuple[int, int]] = []
    start_s = time.monotonic()
    replay_sensors(
        path,
        mosquitto.broker,
        site="home",
        speed=10,
        wait_for_run_s=0,
        on_progress=lambda sent, total: progress.append((sent, total)),
    )
    assert time.monotonic() - start_s >= 0.2
    assert progress == [(1, 3), (2, 3), (3, 3)]
    eventually(lambda: len(listener.messages) == 3, "the messages")
    assert set(listener.messages) == {("home/door", b"open")}


def test_a_replay_without_a_run_says_what_to_start(mosquitto: Any, recording: Path) -> None:
    with pytest.raises(BrokerError, match=r"no camera of site 'home' said `online` .*vad-edge run"):
        replay_sensors(recording, mosquitto.broker, site="home", wait_for_run_s=0.1)


def test_a_replay_to_no_broker_says_why(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vad_edge.mqtt.replay._CONNECT_S", 0.3)
    with pytest.raises(BrokerError, match="connection refused by 127"):
        replay_sensors(recording, BrokerConfig(url="mqtt://127.0.0.1:1"), site="home", wait_for_run_s=0)


def test_a_replay_at_no_speed_is_refused(recording: Path) -> None:
    with pytest.raises(ConfigError, match="speed: 0 is not a speed"):
        replay_sensors(recording, BrokerConfig(url="mqtt://h"), site="home", speed=0)


def test_a_live_run_hears_an_independent_sensor(
    mosquitto: Any, connect: Callable[..., MqttClient], eventually: Callable[..., None]
) -> None:
    hub = SensorHub([DOOR], LiveClock())
    subscriber = SensorSubscriber(connect(mosquitto.broker, "run", start=False), hub, "home")
    subscriber.start()
    assert subscriber.wait_ready(10)
    for topic, payload in [("vad-edge/home/replay", "nonsense"), ("home/door", "OPEN")]:
        subprocess.run(
            ["mosquitto_pub", "-p", str(mosquitto.port), "-q", "1", "-t", topic, "-m", payload], check=True
        )
    eventually(lambda: hub.views(0.0)[0].value == 1.0, "the door to open")
    assert not subscriber.wait_for_replay(0)
    subscriber.stop()
