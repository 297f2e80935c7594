"""Clients of a real Mosquitto, a store, and events to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.support.mosquitto import wait_until
from tests.support.proxy import Proxy

from vad_edge.config.site import BrokerConfig
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.fusion.level import Level
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


@pytest.fixture
def proxied() -> Iterator[Callable[[int], Proxy]]:
    """Makes proxies in front of a port."""
    made: list[Proxy] = []

    def new(port: int) -> Proxy:
        made.append(Proxy(port))
        return made[-1]

    yield new
    for proxy in made:
        proxy.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(tmp_path / "events.db")
    yield opened
    opened.close()


@pytest.fixture
def make_event() -> Callable[..., Event]:
    start = datetime.now(timezone.utc)

    def make(number: int, camera: str = "walkway", incident: str = "incident-1", age_s: float = 0.0) -> Event:
        time_ = start + timedelta(milliseconds=number, seconds=-age_s)
        return Event(
            id=f"event-{number:04d}",
            incident=incident,
            site="home",
            camera=camera,
            kind="opened",
            level=Level.WATCH,
            previous=Level.NORMAL,
            time=time_,
            time_s=float(number),
            since=time_,
            risk=2.5,
            peak_risk=2.5,
            surprise=2.0,
            cues={"motion": 2.0},
            shares={"motion": 2.5},
            regions=(),
            rarity="rarer than 1 frame in 100 of normal footage",
            early_s=None,
            time_synced=True,
            evidence={},
        )

    return make
