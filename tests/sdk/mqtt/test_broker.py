from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from vad_edge.config.site import BrokerConfig
from vad_edge.errors import BrokerError, MissingExtraError
from vad_edge.mqtt.address import parse_broker
from vad_edge.mqtt.broker import EmbeddedBroker
from vad_edge.mqtt.client import MqttClient


def test_the_embedded_broker_carries_messages_and_keeps_retained_ones(
    connect: Callable[..., MqttClient], listen: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    with EmbeddedBroker() as embedded:
        broker = BrokerConfig(url=embedded.url)
        speaker = connect(broker, "speaker")
        speaker.set_retained("state", b"kept")
        listener = listen(broker, "state", "event").ready()
        eventually(lambda: listener.on("state") == [b"kept"], "the retained message")
        handles = [speaker.publish("event", b"%d" % n, qos=1) for n in range(20)]
        assert all(handle.wait(5) for handle in handles)
        eventually(lambda: len(listener.on("event")) == 20, "the messages")
        listener.client.stop()
        speaker.stop()
    address = parse_broker(embedded.url)
    with socket.socket() as probe:
        assert probe.connect_ex((address.host, address.port)) != 0


def test_the_embedded_broker_closes_with_clients_still_connected(connect: Callable[..., MqttClient]) -> None:
    with EmbeddedBroker() as embedded:
        connect(BrokerConfig(url=embedded.url), "stays")
    embedded.close()


def test_a_client_that_says_nothing_or_nonsense_is_closed_with_the_broker() -> None:
    with EmbeddedBroker() as embedded:
        address = ("127.0.0.1", embedded.port)
        with socket.create_connection(address) as silent, socket.create_connection(address) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            silent.settimeout(5)
            embedded.close()
            assert silent.recv(1) == b""
    gc.collect()  # A socket left to the collector is a ResourceWarning, and fails here.


def test_a_taken_port_is_a_broker_error() -> None:
    refusal = pytest.raises(BrokerError, match="the embedded broker does not start")
    with socket.create_server(("127.0.0.1", 0)) as taken, refusal:
        EmbeddedBroker(taken.getsockname()[1]).__enter__()


def test_without_amqtt_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vad-edge\[broker\]'"):
        EmbeddedBroker().__enter__()
