from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import vad_edge
from vad_edge.clock import age_s
from vad_edge.config.site import BrokerConfig
from vad_edge.events.event import Event, from_cloudevent
from vad_edge.events.store import EventStore
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthBoard
from vad_edge.mqtt.client import MqttClient, Will
from vad_edge.mqtt.homeassistant import discovery_topic
from vad_edge.mqtt.outbox import Outbox
from vad_edge.mqtt.publisher import CameraPublisher, camera_publisher
from vad_edge.mqtt.topics import CameraTopics

TOPICS = CameraTopics("home", "walkway")
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def start(store: EventStore) -> Iterator[Callable[[BrokerConfig], CameraPublisher]]:
    made: list[CameraPublisher] = []

    def new(broker: BrokerConfig) -> CameraPublisher:
        will = Will(TOPICS.availability, b"offline")
        client = MqttClient(broker, client_id="walkway", will=will, reconnect_s=(0.05, 0.1))
        outbox = Outbox(client, TOPICS, store, age_s=age_s, fresh_s=300.0, replay_per_s=2500.0)
        made.append(CameraPublisher(client, TOPICS, outbox, risk_interval_s=0.2))
        made[-1].start()
        return made[-1]

    yield new
    for publisher in made:
        publisher.stop()


def test_an_independent_client_reads_what_a_camera_says(
    mosquitto: Any,
    start: Callable[[BrokerConfig], CameraPublisher],
    store: EventStore,
    make_event: Callable[..., Event],
    eventually: Callable[..., None],
) -> None:
    publisher = start(mosquitto.broker)
    assert publisher.client.wait_connected(10)
    command = ["mosquitto_sub", "-p", str(mosquitto.port), "-q", "1", "-t", "vad-edge/home/walkway/#", "-v"]
    with subprocess.Popen([*command, "-C", "5", "-W", "10"], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "vad-edge/home/walkway/availability online\n"  # it has subscribed
        publisher.publish_state(Level.WATCH, risk=2.5, time=NOON, since=NOON, incident="i-1")
        publisher.publish_risk(2.5)
        publisher.publish_health(HealthBoard().snapshot())
        store.add(make_event(1))
        publisher.wake()
        heard = dict(line.rstrip("\n").split(" ", 1) for line in reader.stdout)
    assert json.loads(heard[TOPICS.state]) == {
        "level": "watch",
        "since": "2026-03-01T12:00:00.000Z",
        "incident": "i-1",
        "risk": 2.5,
        "armed": True,
        "time": "2026-03-01T12:00:00.000Z",
        "model": "",
        "test": False,
        "tamper": None,
        "armed_by": "schedule",
        "maintenance_until": None,
        "stage": "watching",
        "promise": None,
        "versions": {
            "software": vad_edge.__version__,
            "bundle": "",
            "bundle_sha256": None,
            "pack_sha256": None,
        },
    }
    assert heard[TOPICS.risk] == "2.5"
    assert json.loads(heard[TOPICS.health]) == {"ok": True, "conditions": [], "counters": {}}
    assert from_cloudevent(json.loads(heard[TOPICS.event])) == make_event(1)
    eventually(lambda: not store.pending("walkway"), "the event to be marked as delivered")


def test_events_wait_in_the_store_for_a_broker_that_comes_late(
    new_mosquitto: Callable[..., Any],
    start: Callable[[BrokerConfig], CameraPublisher],
    store: EventStore,
    make_event: Callable[..., Event],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    mosquitto = new_mosquitto()
    publisher = start(mosquitto.broker)
    for number in range(150):
        store.add(make_event(number))
    publisher.wake()
    assert not publisher.client.wait_connected(0.3)
    assert "connection refused" in publisher.client.last_error
    assert len(store.pending("walkway", 200)) == 150
    listener = listen(mosquitto.broker, TOPICS.event)
    mosquitto.start()
    eventually(lambda: not store.pending("walkway"), "every event to be delivered")
    assert listener.ready()
    ids = [json.loads(payload)["id"] for payload in listener.on(TOPICS.event)]
    assert ids == sorted(ids)


def test_a_broker_killed_in_mid_run_gets_the_events_and_the_state_again(
    mosquitto: Any,
    start: Callable[[BrokerConfig], CameraPublisher],
    store: EventStore,
    make_event: Callable[..., Event],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    listener = listen(mosquitto.broker, "vad-edge/home/walkway/#").ready()
    publisher = start(mosquitto.broker)
    publisher.publish_state(Level.ALARM, risk=5.0, time=NOON)
    eventually(lambda: len(listener.on(TOPICS.state)) == 1, "the state")
    mosquitto.kill()
    for number in range(100):
        store.add(make_event(number))
        publisher.wake()
    listener.messages.clear()
    mosquitto.start()
    eventually(lambda: not store.pending("walkway"), "every event to be acknowledged")
    eventually(lambda: listener.on(TOPICS.availability)[-1:] == [b"online"], "availability again")
    eventually(lambda: len(listener.on(TOPICS.state)) > 0, "the state again")
    assert json.loads(listener.on(TOPICS.state)[-1])["level"] == "alarm"


def test_a_subscriber_with_a_session_gets_every_event_over_a_broker_restart(
    new_mosquitto: Callable[..., Any],
    start: Callable[[BrokerConfig], CameraPublisher],
    store: EventStore,
    make_event: Callable[..., Event],
    tmp_path: Path,
    eventually: Callable[..., None],
) -> None:
    mosquitto = new_mosquitto(
        f"allow_anonymous true\npersistence true\npersistence_location {tmp_path}/\n"
        "autosave_on_changes true\nautosave_interval 1\n"
    )
    mosquitto.start()
    saved = tmp_path / "mosquitto.db"
    command = [
        "mosquitto_sub",
        "-p",
        str(mosquitto.port),
        "-q",
        "1",
        "-c",
        "-i",
        "reader",
        "-t",
        TOPICS.event,
    ]
    with subprocess.Popen([*command, "-W", "20"], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        eventually(lambda: saved.exists() and TOPICS.event.encode() in saved.read_bytes(), "the session")
        publisher = start(mosquitto.broker)
        heard: dict[str, None] = {}  # in order; the broker may say a thing twice (QoS 1)
        for number in range(60):
            if number == 20:
                heard = dict.fromkeys(_id(reader.stdout.readline()) for _ in range(20))
                mosquitto.kill()
            if number == 40:
                mosquitto.start()
            store.add(make_event(number))
            publisher.wake()
        while len(heard) < 60 and (line := reader.stdout.readline()):
            heard[_id(line)] = None
        reader.terminate()
    assert list(heard) == [f"event-{number:04d}" for number in range(60)]
    eventually(lambda: not store.pending("walkway"), "every event to be marked")


def test_only_the_cameras_own_events_are_sent(
    any_broker: Any,
    start: Callable[[BrokerConfig], CameraPublisher],
    store: EventStore,
    make_event: Callable[..., Event],
    eventually: Callable[..., None],
) -> None:
    store.add(make_event(1, camera="yard"))
    store.add(make_event(2))
    start(any_broker.broker)
    eventually(lambda: not store.pending("walkway"), "its own event to be delivered")
    assert len(store.pending("yard")) == 1


def test_risk_is_rate_limited_and_ends_with_the_newest(
    any_broker: Any,
    start: Callable[[BrokerConfig], CameraPublisher],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    listener = listen(any_broker.broker, TOPICS.risk).ready()
    publisher = start(any_broker.broker)
    assert publisher.client.wait_connected(10)
    for value in range(1000):
        publisher.publish_risk(value / 100)
    eventually(lambda: listener.on(TOPICS.risk)[-1:] == [b"9.99"], "the newest risk")
    assert len(listener.on(TOPICS.risk)) <= 3


def test_stopping_sends_what_is_left_and_says_stopped(
    any_broker: Any,
    start: Callable[[BrokerConfig], CameraPublisher],
    store: EventStore,
    make_event: Callable[..., Event],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    listener = listen(any_broker.broker, TOPICS.availability, TOPICS.event).ready()
    publisher = start(any_broker.broker)
    assert publisher.client.wait_connected(10)
    for number in range(100):
        store.add(make_event(number))
    publisher.stop()
    assert store.pending("walkway") == []
    eventually(lambda: len(listener.messages) == 102, "100 events, online, stopped")
    assert listener.on(TOPICS.availability) == [b"online", b"stopped"]
    assert listener.messages[-1] == (TOPICS.availability, b"stopped")


def _id(line: bytes) -> str:
    return str(json.loads(line)["id"])


_PROCESS = """
import sys, time
from pathlib import Path
from vad_edge.config.site import BrokerConfig
from vad_edge.events.store import EventStore
from vad_edge.mqtt.outbox import Outbox
from vad_edge.mqtt.publisher import camera_publisher
store = EventStore(Path(sys.argv[2]))
camera_publisher(BrokerConfig(url=sys.argv[1]), site="home", camera="walkway", store=store).start()
time.sleep(60)
"""


def test_a_killed_process_is_offline(
    any_broker: Any, listen: Callable[..., Any], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    listener = listen(any_broker.broker, TOPICS.availability).ready()
    arguments = [sys.executable, "-c", _PROCESS, any_broker.broker.address, str(tmp_path / "other.db")]
    with subprocess.Popen(arguments) as process:
        try:
            eventually(lambda: listener.on(TOPICS.availability) == [b"online"], "online")
        finally:
            os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: listener.on(TOPICS.availability) == [b"online", b"offline"], "the will")


def test_a_camera_has_a_connection_of_its_own(store: EventStore) -> None:
    broker = BrokerConfig(url="mqtt://h")
    first = camera_publisher(broker, site="home", camera="front", store=store)
    assert first.topics.availability == "vad-edge/home/front/availability"
    first.stop()


def test_an_offline_that_comes_late_is_put_right(
    any_broker: Any,
    start: Callable[[BrokerConfig], CameraPublisher],
    connect: Callable[..., MqttClient],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    listener = listen(any_broker.broker, TOPICS.availability).ready()
    start(any_broker.broker)
    eventually(lambda: listener.on(TOPICS.availability) == [b"online"], "online")
    # As the broker does when it gives up a connection of a process that died before this one.
    connect(any_broker.broker, "ghost").publish(TOPICS.availability, b"offline", qos=1, retain=True)
    eventually(lambda: listener.on(TOPICS.availability)[-2:] == [b"offline", b"online"], "online again")


def test_garbage_retained_on_our_own_topics_is_overwritten_or_answered(
    any_broker: Any,
    store: EventStore,
    make_event: Callable[..., Event],
    connect: Callable[..., MqttClient],
    listen: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    vandal = connect(any_broker.broker, "vandal")
    discovery = discovery_topic("homeassistant", TOPICS)
    leaves = ("event", "event/replay", "state", "risk", "health", "availability", "snapshot", "command")
    for topic in (*(f"vad-edge/home/walkway/{leaf}" for leaf in leaves), discovery):
        assert vandal.publish(topic, b"\xff\x00{garbage", qos=1, retain=True).wait(5)
    store.add(make_event(1))
    publisher = camera_publisher(any_broker.broker, site="home", camera="walkway", store=store)
    publisher.publish_state(Level.NORMAL, risk=0.1, time=NOON)
    publisher.publish_health(HealthBoard().snapshot())
    answers = listen(any_broker.broker, TOPICS.command_result).ready()
    publisher.start()
    eventually(lambda: not store.pending("walkway"), "the event to be delivered")
    eventually(lambda: answers.on(TOPICS.command_result), "an answer")
    assert "that the broker kept" in json.loads(answers.on(TOPICS.command_result)[0])["reason"]
    assert publisher.inbox is not None
    assert "command_retained" in publisher.inbox.conditions()
    answers.client.stop()
    late = listen(any_broker.broker, "#").ready()
    objects = (TOPICS.state, TOPICS.health, discovery)
    eventually(lambda: all(dict(late.retained).get(each, b"")[:1] == b"{" for each in objects), "our own")
    eventually(lambda: dict(late.retained)[TOPICS.availability] == b"online", "availability")
    publisher.stop()
