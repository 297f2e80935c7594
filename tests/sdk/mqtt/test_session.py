from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.client import MqttClient, Will


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_kept_session_gets_what_was_published_while_it_was_away(
    mosquitto: Any, connect: Callable[..., MqttClient], eventually: Callable[..., None], version: str
) -> None:
    broker = BrokerConfig(url=f"{mosquitto.broker.address}?version={version}")
    heard: list[bytes] = []

    def come() -> MqttClient:
        client = connect(
            broker, "keeper", start=False, keep_session=True, on_message=lambda _, load: heard.append(load)
        )
        client.subscribe("events")
        client.start()
        assert client.wait_subscribed(10)
        return client

    come().stop()
    assert connect(broker, "speaker").publish("events", b"missed", qos=1).wait(5)
    come()
    eventually(lambda: heard == [b"missed"], "the missed message")


def test_without_a_session_nothing_waits(mosquitto: Any, connect: Callable[..., MqttClient]) -> None:
    heard: list[bytes] = []

    def come() -> MqttClient:
        client = connect(
            mosquitto.broker, "forgetful", start=False, on_message=lambda _, load: heard.append(load)
        )
        client.subscribe("events")
        client.start()
        assert client.wait_subscribed(10)
        return client

    come().stop()
    speaker = connect(mosquitto.broker, "speaker")
    assert speaker.publish("events", b"missed", qos=1).wait(5)
    come()
    assert speaker.publish("other", b"x", qos=1).wait(5)
    time.sleep(0.2)
    assert heard == []


def test_a_will_that_is_a_function_is_asked_for_every_connection(
    mosquitto: Any, connect: Callable[..., MqttClient], eventually: Callable[..., None]
) -> None:
    asked: list[int] = []

    def will() -> Will:
        asked.append(len(asked))
        return Will("gone", str(asked[-1]).encode(), retain=False)

    client = connect(mosquitto.broker, "mortal", will=will)
    before = len(asked)
    mosquitto.kill()
    eventually(lambda: not client.connected, "the loss")
    mosquitto.start()
    eventually(lambda: client.connected, "the return")
    assert len(asked) > before > 0
