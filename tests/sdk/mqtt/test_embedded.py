"""Commands over the embedded broker, which speaks MQTT 3.1.1 alone; other tests run on it, too."""

from __future__ import annotations

import gc
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vad_edge.config.site import BrokerConfig
from vad_edge.events.store import EventStore
from vad_edge.mqtt.broker import EmbeddedBroker
from vad_edge.mqtt.publisher import CameraPublisher, camera_publisher

Eventually = Callable[..., None]


@pytest.fixture
def embedded(connect: Callable[..., Any]) -> Iterator[BrokerConfig]:
    with EmbeddedBroker() as broker:
        yield BrokerConfig(url=broker.url)
    # amqtt leaves the transports of clients that were just going to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def publisher(embedded: BrokerConfig, store: EventStore) -> Iterator[CameraPublisher]:
    made = camera_publisher(embedded, site="home", camera="walkway", store=store)
    yield made
    made.stop()


def test_a_command_is_taken_and_garbage_answered(
    embedded: BrokerConfig,
    publisher: CameraPublisher,
    listen: Callable[..., Any],
    eventually: Eventually,
) -> None:
    listener = listen(embedded, "vad-edge/#").ready()
    publisher.start()
    assert publisher.client.wait_subscribed(10)
    assert publisher.inbox is not None
    inbox = publisher.inbox
    listener.client.publish(publisher.topics.command, b'{"command": "arm"}', qos=1)
    listener.client.publish(publisher.topics.command, bytes(300_000), qos=1)
    eventually(lambda: listener.on(publisher.topics.command_result), "the answer")
    assert [command.command for command in inbox.take()] == ["arm"]
    (answer,) = listener.on(publisher.topics.command_result)
    assert "300,000 bytes are too many" in json.loads(answer)["reason"]
    listener.client.stop()
