"""What arrives at a real Mosquitto, read by a decoder that shares nothing with the sender."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from tests.support.sparkplug_wire import decode, rebirth_command

pytest.importorskip("google.protobuf")

from vad_edge.bridges.sparkplug.bridge import SparkplugBridge
from vad_edge.config.bridges import SparkplugConfig
from vad_edge.config.site import SiteConfig
from vad_edge.mqtt.connection import stop_network_thread
from vad_edge.mqtt.identity import client_id

Start = Callable[..., Any]


class Host:
    """A Sparkplug host: every message of the namespace as (kind, device, payload), with QoS and retain."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, str | None, dict[str, Any]]] = []
        self.manners: set[tuple[str, int, bool]] = set()
        self._ready = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="host")
        self._client.on_connect = lambda client, *_: client.subscribe("spBv1.0/#", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(5)

    def command(self, payload: bytes) -> None:
        self._client.publish("spBv1.0/plant/NCMD/shop", payload, 1).wait_for_publish(5)

    def kinds(self) -> list[str]:
        return [kind if device is None else f"{kind} {device}" for kind, device, _ in list(self.messages)]

    def close(self) -> None:
        self._client.disconnect()
        stop_network_thread(self._client)

    def _message(self, client: Any, userdata: Any, message: Any) -> None:
        _, group, kind, node, *device = message.topic.split("/")
        assert (group, node) == ("plant", "shop")
        if kind != "NCMD":
            self.manners.add((kind, message.qos, message.retain))
            self.messages.append((kind, device[0] if device else None, decode(message.payload)))


@pytest.fixture
def host(mosquitto: Any) -> Iterator[Host]:
    made = Host(mosquitto.port)
    yield made
    made.close()


@pytest.fixture
def start(mosquitto: Any, site: SiteConfig, tmp_path: Path) -> Iterator[Start]:
    """Starts a bridge and gives back how to end it."""
    ends: list[Callable[[], None]] = []

    def new() -> Callable[[], None]:
        config = SparkplugConfig(group="plant")
        bridge = SparkplugBridge(site, config, mosquitto.broker, tmp_path / "births")
        stop = threading.Event()
        thread = threading.Thread(target=bridge.run, args=(stop,))
        thread.start()

        def end() -> None:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()

        ends.append(end)
        return end

    yield new
    for end in ends:
        end()


@pytest.fixture
def quiet(speaker: Any) -> None:
    speaker.connect()
    speaker.state("door", "normal", risk=0.5)
    speaker.availability("door", "online")
    speaker.availability("yard", "stopped")


def test_births_come_before_data_and_the_sequence_has_no_gap(
    host: Host, start: Start, quiet: None, speaker: Any, eventually: Any
) -> None:
    end = start()
    eventually(lambda: "DBIRTH door" in host.kinds(), "the births")
    speaker.state("door", "alarm", "i-1", risk=0.5)
    eventually(lambda: "DDATA door" in host.kinds(), "the data")
    speaker.availability("door", "offline")
    eventually(lambda: host.kinds()[-2:] == ["DDEATH door", "NDATA"], "the device's death")
    end()
    eventually(lambda: host.kinds()[-1] == "NDEATH", "the node's death")
    assert host.kinds()[0] == "NBIRTH"
    assert "DBIRTH yard" not in host.kinds()
    numbers = [payload["seq"] for kind, _, payload in host.messages if kind != "NDEATH"]
    assert numbers == list(range(len(numbers)))
    data = next(payload for kind, _, payload in host.messages if kind == "DDATA")
    assert data["metrics"]["Level"] == (12, "alarm")
    assert data["metrics"]["In Alarm"] == (11, 1)
    assert "Risk" not in data["metrics"]


def test_a_death_belongs_to_its_birth_and_each_connect_is_a_new_one(
    host: Host, start: Start, quiet: None, eventually: Any
) -> None:
    for _ in range(2):
        end = start()
        eventually(lambda: host.kinds()[-1:] == ["NDATA"], "the birth")
        end()
        eventually(lambda: host.kinds()[-1] == "NDEATH", "the death")
    numbers = [
        payload["metrics"]["bdSeq"][1] for kind, _, payload in host.messages if kind in ("NBIRTH", "NDEATH")
    ]
    assert numbers == [0, 0, 1, 1]
    assert host.kinds().count("NDEATH") == 2
    assert all(payload["seq"] is None for kind, _, payload in host.messages if kind == "NDEATH")


def test_nothing_is_retained_and_only_the_death_asks_for_a_receipt(
    host: Host, start: Start, quiet: None, eventually: Any
) -> None:
    end = start()
    eventually(lambda: "DBIRTH door" in host.kinds(), "the births")
    end()
    eventually(lambda: "NDEATH" in host.kinds(), "the death")
    assert host.manners == {
        ("NBIRTH", 0, False),
        ("DBIRTH", 0, False),
        ("NDATA", 0, False),
        ("NDEATH", 1, False),
    }


def test_a_host_may_ask_for_a_rebirth(host: Host, start: Start, quiet: None, eventually: Any) -> None:
    start()
    eventually(lambda: host.kinds()[-1:] == ["NDATA"], "the birth")
    host.command(b"\xff\xff")
    host.command(rebirth_command(False))
    for _ in range(20):
        host.command(rebirth_command())
    eventually(lambda: host.kinds()[-2:] == ["NBIRTH", "DBIRTH door"], "the rebirth")
    births = [payload for kind, _, payload in host.messages if kind == "NBIRTH"]
    assert {birth["metrics"]["bdSeq"][1] for birth in births} == {0}
    assert {birth["seq"] for birth in births} == {0}
    assert 2 <= len(births) <= 5, "a storm of commands is answered in few births"


def test_a_node_that_is_cut_off_dies_by_its_will_and_is_born_again(
    host: Host, mosquitto: Any, start: Start, quiet: None, eventually: Any
) -> None:
    start()
    eventually(lambda: host.kinds()[-1:] == ["NDATA"], "the birth")
    # A broker hangs up on the first of two clients with one id.
    usurper = paho.Client(
        paho.CallbackAPIVersion.VERSION2, client_id=client_id(mosquitto.broker, "shop", "sparkplug-node")
    )
    usurper.connect("127.0.0.1", mosquitto.port)
    usurper.loop_start()
    eventually(lambda: "NDEATH" in host.kinds(), "the death")
    usurper.disconnect()
    stop_network_thread(usurper)
    eventually(lambda: host.kinds().count("NBIRTH") == 2, "the second birth", timeout_s=15)
    deaths = [payload["metrics"]["bdSeq"][1] for kind, _, payload in host.messages if kind == "NDEATH"]
    births = [payload["metrics"]["bdSeq"][1] for kind, _, payload in host.messages if kind == "NBIRTH"]
    assert deaths == [0]
    assert births[0] == 0 < births[1]  # a try that the broker did not answer counts too
    eventually(lambda: host.kinds()[-1] == "DBIRTH door", "the device again")
    again = host.kinds().index("NBIRTH", 1)
    assert [payload["seq"] for _, _, payload in host.messages[again:]] == [0, 1]
