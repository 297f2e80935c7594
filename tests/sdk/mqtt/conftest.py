"""A store, events to put into it, and proxies between a client and its broker."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.support.events import an_event
from tests.support.proxy import Proxy

from vad_edge.config.site import BrokerConfig
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.fusion.machine import Level
from vad_edge.mqtt.broker import EmbeddedBroker


@dataclass(frozen=True)
class Running:
    """A broker that runs on loopback; `proxied` is the table for one reached over a proxy's URL."""

    port: int
    broker: BrokerConfig

    def proxied(self, proxy: Proxy) -> BrokerConfig:
        query = self.broker.address.partition("?")[2]
        return BrokerConfig(url=f"{proxy.url}?{query}" if query else proxy.url)


@pytest.fixture(params=["mosquitto", "embedded"])
def any_broker(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Mosquitto, and the embedded broker for what it can do: MQTT 3.1.1, nothing kept over a restart."""
    if request.param == "mosquitto":
        mosquitto = request.getfixturevalue("mosquitto")
        yield Running(mosquitto.port, mosquitto.broker)
        return
    pytest.importorskip("amqtt")
    # Its clients come after it, so that they are gone before it is.
    with EmbeddedBroker() as embedded:
        yield Running(embedded.port, BrokerConfig(url=embedded.url))
    # amqtt leaves the transports of clients that were just going to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


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
        return an_event(
            id=f"event-{number:04d}",
            incident=incident,
            camera=camera,
            level=Level.WATCH,
            time=time_,
            time_s=float(number),
            since=time_,
            risk=2.5,
            peak_risk=2.5,
            surprise=2.0,
            cues={"motion": 2.0},
            shares={"motion": 2.5},
            rarity="rarer than 1 frame in 100 of normal footage",
        )

    return make
