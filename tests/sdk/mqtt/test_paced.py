from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from tests.support.mosquitto import Mosquitto

from vad_edge.mqtt.connection import MAXIMUM_PACKET_BYTES
from vad_edge.mqtt.paced import decode_plain

Eventually = Callable[..., None]


def packet(topic: str, payload: bytes, *, properties: bytes = b"") -> bytes:
    name = topic.encode()
    return len(name).to_bytes(2, "big") + name + properties + payload


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50), st.binary(), st.booleans())
def test_a_plain_message_is_decoded_as_paho_writes_it(topic: str, payload: bytes, five: bool) -> None:
    described = Properties(PacketTypes.PUBLISH)
    described.UserProperty = [("key", "value")] * 20
    properties = described.pack() if five else b""
    found = decode_plain(packet(topic, payload, properties=properties), with_properties=five)
    assert found == (topic, payload)


@given(st.binary(max_size=60), st.booleans())
def test_garbage_is_left_to_paho(garbage: bytes, five: bool) -> None:
    found = decode_plain(garbage, with_properties=five)
    assert found is None or (isinstance(found[0], str) and len(found[1]) < len(garbage))


@pytest.mark.parametrize("qos", [0, 1])
def test_a_burst_arrives_whole_and_in_order(
    mosquitto: Mosquitto, connect: Callable[..., Any], eventually: Eventually, qos: int
) -> None:
    heard: list[tuple[str, bytes]] = []
    client = connect(
        mosquitto.broker, "paced", start=False, on_message=lambda *said: heard.append(said), pace_s=0.01
    )
    client.subscribe("storm/#")
    client.start()
    assert client.wait_subscribed(10)
    sender = connect(mosquitto.broker, "sender")
    sent = [(f"storm/{number % 7}", b"%d" % number) for number in range(500)]
    for topic, payload in sent:
        sender.publish(topic, payload, qos=qos).wait(10)
    eventually(lambda: len(heard) == len(sent), "the whole burst")
    assert heard == sent


def test_ten_megabytes_never_reach_us(
    mosquitto: Mosquitto, connect: Callable[..., Any], eventually: Eventually
) -> None:
    heard: list[int] = []
    client = connect(
        mosquitto.broker,
        "paced",
        start=False,
        on_message=lambda _, said: heard.append(len(said)),
        pace_s=0.01,
    )
    client.subscribe("big")
    client.start()
    assert client.wait_subscribed(10)
    sender = connect(mosquitto.broker, "sender")
    for size in (10_000_000, MAXIMUM_PACKET_BYTES + 1, 1000):
        sender.publish("big", b"9" * size, qos=1).wait(20)
    eventually(lambda: bool(heard), "the small one")
    assert heard == [1000]
    assert client.connected


def test_what_the_broker_had_kept_is_told_apart(
    mosquitto: Mosquitto, connect: Callable[..., Any], eventually: Eventually
) -> None:
    sender = connect(mosquitto.broker, "sender")
    sender.publish("kept", b"old", qos=0, retain=True).wait(10)
    kept: list[bytes] = []
    client = connect(
        mosquitto.broker, "paced", start=False, on_retained=lambda _, said: kept.append(said), pace_s=0.01
    )
    client.subscribe("kept", qos=0)
    client.start()
    eventually(lambda: kept == [b"old"], "the retained one")
