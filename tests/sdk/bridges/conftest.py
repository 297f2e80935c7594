"""A site, what its cameras say on a real Mosquitto, and who listens there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.mosquitto import Mosquitto, wait_until

from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.mqtt.client import MqttClient


class Speaker:
    """Says what cameras say, and keeps what it hears on the topics it listens to."""

    def __init__(self, mosquitto: Mosquitto) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.client = MqttClient(
            mosquitto.broker,
            client_id="speaker",
            on_message=lambda topic, payload: self.heard.append((topic, payload)),
            reconnect_s=(0.05, 0.1),
        )

    def connect(self, *filters: str) -> None:
        for topic in filters:
            self.client.subscribe(topic)
        self.client.start()
        assert self.client.wait_subscribed(10), self.client.last_error

    def availability(self, camera: str, word: str) -> None:
        self.client.set_retained(f"vad-edge/shop/{camera}/availability", word.encode())

    def state(
        self, camera: str, level: str, incident: str | None = None, risk: float = 2.5, **more: bool
    ) -> None:
        state = {
            "level": level,
            "since": "2026-03-01T12:00:00.000Z" if incident else None,
            "incident": incident,
            "risk": risk,
            "armed": True,
            "time": "2026-03-01T12:00:01.000Z",
            **more,
        }
        self.client.set_retained(f"vad-edge/shop/{camera}/state", json.dumps(state).encode())

    def say(self, camera: str, leaf: str, payload: bytes, qos: int = 1) -> None:
        assert self.client.publish(f"vad-edge/shop/{camera}/{leaf}", payload, qos=qos).wait(5)

    def on(self, topic: str) -> list[bytes]:
        return [payload for heard, payload in list(self.heard) if heard == topic]


@pytest.fixture
def speaker(mosquitto: Mosquitto) -> Iterator[Speaker]:
    made = Speaker(mosquitto)
    yield made
    made.client.stop()


@pytest.fixture
def site() -> SiteConfig:
    return SiteConfig(site="shop", camera=(CameraConfig(name="door"), CameraConfig(name="yard")))


@pytest.fixture
def eventually() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def cloudevent() -> Callable[..., dict[str, Any]]:
    def make(number: int, camera: str = "door", **data: Any) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": f"event-{number:04d}",
            "source": f"/vad-edge/shop/{camera}",
            "type": "io.vad-edge.incident.opened",
            "time": "2026-03-01T12:00:00.000000Z",
            "subject": "incident-1",
            "datacontenttype": "application/json",
            "dataschema": "urn:vad-edge:schema:event:1#/properties/data",
            "data": {"incident": "incident-1", "camera": camera, "level": "watch", **data},
        }

    return make
