from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from tests.support.certificates import authority, signed
from tests.support.mosquitto import Mosquitto

from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.connection import MAXIMUM_PACKET_BYTES
from vad_edge.mqtt.paced import PacedClient, decode_plain, packet_at

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


def sent_packet(first: int, body: bytes) -> bytes:
    """A packet with its fixed header."""
    header, length = bytearray([first]), len(body)
    while True:
        length, byte = divmod(length, 128)
        header.append(byte | (0x80 if length else 0))
        if not length:
            return bytes(header) + body


Message = tuple[int, str, bytes]
messages = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["t/1", "t/2"]),
        st.binary(max_size=20) | st.integers(100, 20_000).map(bytes),
    ),
    max_size=8,
)


def heard_from(
    conversation: bytes, cuts: Sequence[int], *, five: bool
) -> tuple[list[Message], MQTTErrorCode]:
    """What a client hears of a broker that says this in pieces, and how the connection ended."""
    heard: list[Message] = []
    protocol = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
    client = PacedClient(CallbackAPIVersion.VERSION2, protocol=protocol, pace_s=0.0)
    client.on_plain = lambda topic, payload, kept: heard.append((0, topic, payload))

    def on_message(client: Any, userdata: Any, message: MQTTMessage) -> None:
        heard.append((message.qos, message.topic, bytes(message.payload)))

    client.on_message = on_message
    places = [0, *sorted(cut % (len(conversation) + 1) for cut in cuts), len(conversation)]
    with socket.create_server(("127.0.0.1", 0)) as server:
        client.connect(*server.getsockname())
        broker, _ = server.accept()
        with broker:
            broker.sendall(b"\x20\x03\0\0\0" if five else b"\x20\x02\0\0")
            result = MQTTErrorCode.MQTT_ERR_SUCCESS
            for begin, end in pairwise(places):
                broker.sendall(conversation[begin:end])
                result = result or client.loop_read()
            broker.shutdown(socket.SHUT_WR)
            deadline_s = time.monotonic() + 10.0
            while not result and time.monotonic() < deadline_s:
                result = client.loop_read()
    return heard, result


@given(messages, st.lists(st.integers(0, 1_000_000), max_size=8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_pieces_a_broker_talks_in_every_message_is_heard_once_and_in_order(
    sent: list[Message], cuts: list[int], five: bool
) -> None:
    said = []
    for number, (qos, topic, payload) in enumerate(sent, start=1):
        label = number.to_bytes(2, "big") if qos else b""
        body = packet(topic, payload, properties=label + (b"\0" if five else b""))
        said += [sent_packet(0x30 | qos << 1, body), b"\xd0\0"]
    heard, ended = heard_from(b"".join(said), cuts, five=five)
    assert heard == sent
    assert ended == MQTTErrorCode.MQTT_ERR_CONN_LOST


@pytest.mark.parametrize("five", [False, True])
def test_a_length_that_no_packet_has_ends_the_connection(five: bool) -> None:
    good = sent_packet(0x30, packet("t", b"1", properties=b"\0" if five else b""))
    heard, ended = heard_from(good + b"\x30\xff\xff\xff\xff\xff" + good, [], five=five)
    assert heard == [(0, "t", b"1")]
    assert ended == MQTTErrorCode.MQTT_ERR_PROTOCOL


@given(st.integers(0, 255), st.integers(0, 2**28 - 1), st.integers(0, 9))
def test_a_header_says_where_its_packet_ends_once_it_is_whole(first: int, length: int, before: int) -> None:
    size, header = length, bytearray([first])
    while size or len(header) == 1:
        size, byte = divmod(size, 128)
        header.append(byte | (0x80 if size else 0))
    begin = before + len(header)
    assert packet_at(b"x" * before + header, before) == (begin, begin + length)
    assert packet_at(b"x" * before + header[:-1], before) is None


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


def test_a_broker_that_waits_for_acknowledgements_does_not_wait_for_the_rest_to_be_over(
    mosquitto: Mosquitto, connect: Callable[..., Any], eventually: Eventually
) -> None:
    """Mosquitto sends twenty messages ahead: at twenty a rest these would take more than a minute."""
    heard: list[bytes] = []
    client = connect(
        mosquitto.broker, "paced", start=False, on_message=lambda _, said: heard.append(said), pace_s=2.0
    )
    client.subscribe("storm", qos=1)
    client.start()
    assert client.wait_subscribed(10)
    sender = connect(mosquitto.broker, "sender")
    for handle in [sender.publish("storm", b"%d" % number, qos=1) for number in range(800)]:
        handle.wait(20)
    eventually(lambda: len(heard) == 800, "all of them", timeout_s=20)


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


def test_a_burst_over_tls_arrives_whole(
    new_mosquitto: Callable[..., Mosquitto],
    tmp_path: Path,
    connect: Callable[..., Any],
    eventually: Eventually,
) -> None:
    ca = authority(tmp_path)
    server = signed(tmp_path, ca, "server")
    mosquitto = new_mosquitto(f"allow_anonymous true\ncertfile {server.certificate}\nkeyfile {server.key}\n")
    mosquitto.start()
    broker = BrokerConfig(url=mosquitto.broker.address.replace("mqtt:", "mqtts:"), ca_file=ca.certificate)
    heard: list[bytes] = []
    client = connect(broker, "paced", start=False, on_message=lambda _, said: heard.append(said), pace_s=0.01)
    client.subscribe("storm", qos=0)
    client.start()
    assert client.wait_subscribed(10)
    sender = connect(broker, "sender")
    sent = [b"%d " % number * 3000 for number in range(40)]
    for payload in sent:
        sender.publish("storm", payload, qos=0).wait(10)
    eventually(lambda: len(heard) == len(sent), "the whole burst")
    assert heard == sent


def test_a_connection_on_which_nothing_but_plain_messages_come_is_kept_alive(
    mosquitto: Mosquitto, connect: Callable[..., Any]
) -> None:
    heard: list[bytes] = []
    client = connect(
        mosquitto.broker,
        "paced",
        start=False,
        on_message=lambda _, said: heard.append(said),
        pace_s=0.01,
        keepalive_s=1,
    )
    client.subscribe("storm", qos=0)
    connects: list[float] = []
    client.on_connected(lambda: connects.append(time.monotonic()))
    client.start()
    assert client.wait_subscribed(10)
    sender, over = connect(mosquitto.broker, "sender"), threading.Event()
    ends_s = time.monotonic() + 4.0
    while time.monotonic() < ends_s:
        sender.publish("storm", b"1")
        over.wait(0.01)
    assert client.connected
    assert len(connects) == 1
    assert len(heard) > 50
