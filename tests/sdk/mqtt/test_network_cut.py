"""Packets vanish without a word while events flow: behind a proxy, and over a cable that is pulled."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from tests.support.netns import Network, network
from tests.support.proxy import Proxy

from vad_edge.clock import age_s
from vad_edge.config.site import BrokerConfig
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.mqtt.client import MqttClient, Will
from vad_edge.mqtt.outbox import Outbox
from vad_edge.mqtt.publisher import OFFLINE, CameraPublisher
from vad_edge.mqtt.topics import CameraTopics

__all__ = ["network"]

TOPICS = CameraTopics("home", "walkway")
KEEPALIVE_S = 2
Eventually = Callable[..., None]


class Cable(Protocol):
    def cut(self) -> None: ...

    def mend(self) -> None: ...


class Dropping:
    """A cable made of a proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def cut(self) -> None:
        self._proxy.dropping.set()

    def mend(self) -> None:
        self._proxy.dropping.clear()


def all_events_arrive(
    cable: Cable,
    ours: BrokerConfig,
    theirs: BrokerConfig,
    store: EventStore,
    make_event: Callable[..., Event],
    connect: Callable[..., MqttClient],
    eventually: Eventually,
) -> None:
    """Publish over `ours`, cut and mended while events are made, and hear with a session over `theirs`."""
    heard: list[tuple[str, bytes]] = []
    listener = connect(
        theirs,
        "listener",
        start=False,
        keep_session=True,
        on_message=lambda topic, load: heard.append((topic, load)),
    )
    listener.subscribe(f"{TOPICS.event}/#")
    listener.subscribe(TOPICS.availability)
    listener.start()
    assert listener.wait_subscribed(10)
    client = MqttClient(
        ours,
        client_id="walkway",
        will=Will(TOPICS.availability, OFFLINE),
        reconnect_s=(0.05, 0.1),
        keepalive_s=KEEPALIVE_S,
    )
    outbox = Outbox(client, TOPICS, store, age_s=age_s, fresh_s=300.0, replay_per_s=5000.0)
    publisher = CameraPublisher(client, TOPICS, outbox)
    publisher.start()
    assert client.wait_connected(10)

    over = threading.Event()
    added: list[str] = []

    def flow() -> None:
        while not over.wait(0.02):
            event = make_event(len(added))
            store.add(event)
            added.append(event.id)
            publisher.wake()

    flowing = threading.Thread(target=flow)
    flowing.start()
    try:
        time.sleep(0.5)
        cable.cut()
        eventually(lambda: not client.connected, "the silence to be noticed")
        assert store.pending("walkway")
        cable.mend()
        eventually(lambda: client.connected, "the return", timeout_s=40)
    finally:
        over.set()
        flowing.join()
        cable.mend()
    eventually(lambda: not store.pending("walkway"), "every event to be acknowledged", timeout_s=40)

    def ids() -> list[str]:
        return [json.loads(load)["id"] for topic, load in list(heard) if topic == TOPICS.event]

    eventually(lambda: set(ids()) >= set(added), "every event to be heard", timeout_s=40)
    publisher.stop()
    assert list(dict.fromkeys(ids())) == added  # none invented, and in order where first heard
    said = [load for topic, load in heard if topic == TOPICS.availability]
    assert b"offline" in said
    assert said[said.index(b"offline") :].count(b"online") > 0


def test_no_event_is_lost_behind_a_proxy_that_drops_everything(
    any_broker: Any,
    proxied: Callable[[int], Proxy],
    store: EventStore,
    make_event: Callable[..., Event],
    connect: Callable[..., MqttClient],
    eventually: Eventually,
) -> None:
    proxy = proxied(any_broker.port)
    ours = any_broker.proxied(proxy)
    all_events_arrive(Dropping(proxy), ours, any_broker.broker, store, make_event, connect, eventually)


def test_no_event_is_lost_over_a_cable_that_is_pulled(
    network: Network,
    new_mosquitto: Callable[..., Any],
    store: EventStore,
    make_event: Callable[..., Event],
    connect: Callable[..., MqttClient],
    eventually: Eventually,
) -> None:
    mosquitto = new_mosquitto(at=network)
    mosquitto.start()
    broker = mosquitto.broker
    all_events_arrive(network, broker, broker, store, make_event, connect, eventually)
