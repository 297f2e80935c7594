"""The example flow in a real Node-RED between a real Mosquitto and whoever listens to the building."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import node_red
from tests.support.mosquitto import wait_until

from vad_edge.mqtt.client import MqttClient

FLOW = Path(__file__).parents[2] / "examples" / "node-red" / "alarms.json"


class Building:
    def __init__(self, broker: Any) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.client = MqttClient(
            broker,
            client_id="building",
            on_message=lambda topic, payload: self.heard.append((topic, json.loads(payload))),
        )
        self.client.subscribe("building/#")
        self.client.start()
        assert self.client.wait_subscribed(10)

    def event(self, number: int, kind: str, level: str, incident: str = "i-1") -> None:
        data = {
            "camera": "door",
            "incident": incident,
            "level": level,
            "since": "2026-03-01T12:00:00Z",
            "rarity": "rare",
        }
        event = {"id": f"e{number}", "type": f"io.vad-edge.incident.{kind}", "data": data}
        assert self.client.publish("vad-edge/shop/door/event", json.dumps(event).encode(), qos=1).wait(5)


@pytest.fixture
def building(mosquitto: Any, tmp_path: Path) -> Iterator[Building]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {"VAD_EDGE_BROKER": "127.0.0.1", "VAD_EDGE_BROKER_PORT": str(mosquitto.port)}
    made = Building(mosquitto.broker)
    with node_red.running(FLOW, tmp_path, port, environment) as log:
        wait_until(lambda: "Connected to broker" in log.read_text(), "Node-RED to connect", timeout_s=60)
        yield made
    made.client.stop()


def test_the_flow_tells_the_building_of_alarms_their_end_and_lost_cameras(building: Building) -> None:
    building.event(1, "opened", "watch")
    building.event(2, "raised", "alarm")
    building.event(2, "raised", "alarm")  # delivered twice
    building.event(3, "lowered", "watch")
    building.event(4, "cleared", "normal")
    building.event(5, "opened", "watch", "i-2")
    building.event(6, "cleared", "normal", "i-2")  # never was an alarm
    building.client.set_retained("vad-edge/shop/door/availability", b"offline")
    wait_until(lambda: any(topic == "building/fault/door" for topic, _ in building.heard), "the fault")
    wait_until(lambda: len(building.heard) >= 3, "three messages")
    alarms = [content for topic, content in building.heard if topic == "building/security/door"]
    assert [(content["alarm"], content["incident"]) for content in alarms] == [(True, "i-1"), (False, "i-1")]
    assert alarms[0]["text"] == "door: rare"
    assert [content["fault"] for topic, content in building.heard if topic == "building/fault/door"] == [True]
