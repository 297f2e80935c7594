"""Clients of a real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.support.mosquitto import wait_until

from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.client import MqttClient


@pytest.fixture
def connect() -> Iterator[Callable[..., MqttClient]]:
    """Makes clients that come back fast and are stopped in the end."""
    made: list[MqttClient] = []

    def new(broker: BrokerConfig, name: str = "test", start: bool = True, **options: object) -> MqttClient:
        client = MqttClient(broker, client_id=name, reconnect_s=(0.05, 0.1), **options)  # type: ignore[arg-type]
        made.append(client)
        if start:
            client.start()
            assert client.wait_connected(10), client.last_error
        return client

    yield new
    for client in made:
        client.stop()


class Listener:
    """Everything an independent client hears, in order."""

    def __init__(self, new: Callable[..., MqttClient], broker: BrokerConfig, *filters: str) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.retained: list[tuple[str, bytes]] = []
        self.client = new(
            broker,
            "listener",
            start=False,
            on_message=lambda topic, load: self.messages.append((topic, load)),
            on_retained=self._kept,
        )
        for topic in filters:
            self.client.subscribe(topic)
        self.client.start()

    def _kept(self, topic: str, payload: bytes) -> None:
        self.retained.append((topic, payload))
        self.messages.append((topic, payload))

    def ready(self) -> Listener:
        assert self.client.wait_subscribed(10), self.client.last_error
        return self

    def on(self, topic: str) -> list[bytes]:
        return [payload for heard, payload in list(self.messages) if heard == topic]


@pytest.fixture
def listen(connect: Callable[..., MqttClient]) -> Callable[..., Listener]:
    return lambda broker, *filters: Listener(connect, broker, *filters)


@pytest.fixture
def eventually() -> Callable[..., None]:
    return wait_until
