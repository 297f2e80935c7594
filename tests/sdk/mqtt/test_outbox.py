from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from vad_edge.clock import age_s
from vad_edge.config.site import BrokerConfig
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.connection import stop_network_thread
from vad_edge.mqtt.outbox import Outbox
from vad_edge.mqtt.publisher import CameraPublisher
from vad_edge.mqtt.topics import CameraTopics

TOPICS = CameraTopics("home", "walkway")
Make = Callable[..., Event]
Eventually = Callable[..., None]


@pytest.fixture
def start(store: EventStore) -> Iterator[Callable[..., CameraPublisher]]:
    """Publishers with a short keepalive, so that a broker that hangs is noticed within a test."""
    made: list[CameraPublisher] = []

    def new(broker: BrokerConfig, *, fresh_s: float = 300.0, rate: float = 5000.0) -> CameraPublisher:
        client = MqttClient(broker, client_id="walkway", reconnect_s=(0.05, 0.1), keepalive_s=2)
        outbox = Outbox(client, TOPICS, store, age_s=age_s, fresh_s=fresh_s, replay_per_s=rate)
        made.append(CameraPublisher(client, TOPICS, outbox))
        made[-1].start()
        return made[-1]

    yield new
    for publisher in made:
        publisher.stop()


def _ids(payloads: list[bytes]) -> list[str]:
    return [json.loads(payload)["id"] for payload in payloads]


def test_an_event_whose_acknowledgement_never_came_stays_and_is_sent_again(
    any_broker: Any,
    proxied: Callable[[int], Any],
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    listen: Callable[..., Any],
    eventually: Eventually,
) -> None:
    listener = listen(any_broker.broker, TOPICS.event).ready()
    proxy = proxied(any_broker.port)
    publisher = start(any_broker.proxied(proxy))
    assert publisher.client.wait_connected(10)
    proxy.deaf.set()
    store.add(make_event(1))
    publisher.wake()
    eventually(lambda: len(listener.on(TOPICS.event)) == 1, "the broker to have the event")
    time.sleep(0.6)
    assert len(store.pending("walkway")) == 1
    proxy.cut()
    proxy.deaf.clear()
    eventually(lambda: not store.pending("walkway"), "the acknowledgement")
    assert _ids(listener.on(TOPICS.event)) == ["event-0001"] * 2


def test_a_broker_that_hangs_keeps_the_events_in_the_store_until_it_goes_on(
    mosquitto: Any,
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    eventually: Eventually,
) -> None:
    publisher = start(mosquitto.broker)
    assert publisher.client.wait_connected(10)
    mosquitto.signal(signal.SIGSTOP)
    for number in range(50):
        store.add(make_event(number))
    publisher.wake()
    eventually(lambda: not publisher.client.connected, "the silence to be noticed")
    assert len(store.pending("walkway", 100)) == 50
    mosquitto.signal(signal.SIGCONT)
    eventually(lambda: not store.pending("walkway"), "every event to be acknowledged", timeout_s=20)


def test_what_was_on_its_way_before_a_long_outage_comes_back_as_a_replay(
    mosquitto: Any,
    proxied: Callable[[int], Any],
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    listen: Callable[..., Any],
    eventually: Eventually,
) -> None:
    proxy = proxied(mosquitto.port)
    publisher = start(BrokerConfig(url=proxy.url), fresh_s=1.0)
    assert publisher.client.wait_connected(10)
    mosquitto.signal(signal.SIGSTOP)
    store.add(make_event(1))
    publisher.wake()
    time.sleep(0.5)
    proxy.shut.set()
    mosquitto.kill()
    eventually(lambda: not publisher.client.connected, "the loss to be noticed")
    time.sleep(0.8)
    mosquitto.start()
    listener = listen(mosquitto.broker, f"{TOPICS.event}/#").ready()
    proxy.shut.clear()
    eventually(lambda: not store.pending("walkway"), "the event to be acknowledged")
    eventually(lambda: listener.on(TOPICS.event_replay), "the replay")
    assert _ids(listener.on(TOPICS.event_replay)) == ["event-0001"]
    assert not listener.on(TOPICS.event)


def test_old_events_go_to_the_replay_topic_with_their_own_times_and_order(
    any_broker: Any,
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    listen: Callable[..., Any],
    eventually: Eventually,
) -> None:
    listener = listen(any_broker.broker, f"{TOPICS.event}/#").ready()
    old = [make_event(n, incident="night", age_s=3600) for n in range(5)]
    for event in old:
        store.add(event)
    store.add(make_event(9, incident="now"))
    start(any_broker.broker)
    eventually(lambda: not store.pending("walkway"), "every event to be acknowledged")
    eventually(lambda: len(listener.messages) == 6, "all six")
    assert _ids(listener.on(TOPICS.event)) == ["event-0009"]
    late = [json.loads(payload) for payload in listener.on(TOPICS.event_replay)]
    assert [event["id"] for event in late] == [event.id for event in old]
    assert late[0]["time"] == old[0].time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_the_end_of_an_old_incident_goes_where_alarms_go_since_it_silences(
    any_broker: Any,
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    listen: Callable[..., Any],
    eventually: Eventually,
) -> None:
    listener = listen(any_broker.broker, f"{TOPICS.event}/#").ready()
    raised, cleared = make_event(1), replace(make_event(2), kind="cleared", ending="calm")
    for event in (raised, cleared):
        store.add(replace(event, time=event.time - timedelta(days=1)))
    start(any_broker.broker)
    eventually(lambda: not store.pending("walkway"), "both to be delivered")
    eventually(lambda: len(listener.on(TOPICS.event)) == 1, "the end")
    assert _ids(listener.on(TOPICS.event)) == [cleared.id]
    assert _ids(listener.on(TOPICS.event_replay)) == [raised.id]


def test_a_fresh_alarm_overtakes_a_long_backlog(
    any_broker: Any,
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    listen: Callable[..., Any],
    eventually: Eventually,
) -> None:
    listener = listen(any_broker.broker, f"{TOPICS.event}/#").ready()
    for number in range(400):
        store.add(make_event(number, incident=f"night-{number // 4}", age_s=3600))
    store.add(make_event(999, incident="now"))
    start(any_broker.broker, rate=100.0)
    eventually(lambda: listener.on(TOPICS.event), "the alarm")
    assert len(listener.on(TOPICS.event_replay)) <= 25
    assert len(store.pending("walkway", 500)) >= 300


def test_the_replay_keeps_to_its_rate(
    any_broker: Any,
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    eventually: Eventually,
) -> None:
    for number in range(100):
        store.add(make_event(number, incident=f"night-{number}", age_s=3600))
    publisher = start(any_broker.broker, rate=50.0)
    assert publisher.client.wait_connected(10)
    started_s = time.monotonic()
    eventually(lambda: not store.pending("walkway"), "every event to be acknowledged")
    assert 1.5 < time.monotonic() - started_s < 4.0


def test_mqtt_5_says_what_an_event_is_and_when_it_expires(
    mosquitto: Any,
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    eventually: Eventually,
) -> None:
    heard: list[paho.MQTTMessage] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = lambda c, u, message: heard.append(message)
    subscribed: list[int] = []
    client.on_subscribe = lambda c, u, mid, reasons, given: subscribed.append(mid)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    client.subscribe(f"{TOPICS.event}/#", qos=1)
    eventually(lambda: subscribed, "the subscription")
    store.add(make_event(1))
    store.add(make_event(2, incident="night", age_s=3600))
    start(mosquitto.broker)
    eventually(lambda: len(heard) == 2, "both")
    client.disconnect()
    stop_network_thread(client)
    fresh, late = sorted(heard, key=lambda message: message.topic)
    assert fresh.properties is not None
    assert late.properties is not None
    assert fresh.properties.ContentType == "application/cloudevents+json; charset=utf-8"
    assert 290 <= fresh.properties.MessageExpiryInterval <= 300
    assert dict(fresh.properties.UserProperty) == {
        "incident": "incident-1",
        "kind": "opened",
        "level": "watch",
    }
    assert late.properties.ContentType == fresh.properties.ContentType
    assert not hasattr(late.properties, "MessageExpiryInterval")


def test_a_forbidden_topic_keeps_the_event_and_says_so(
    new_mosquitto: Callable[..., Any],
    start: Callable[..., CameraPublisher],
    store: EventStore,
    make_event: Make,
    tmp_path: Any,
    eventually: Eventually,
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite vad-edge/home/walkway/availability\n")
    mosquitto = new_mosquitto(f"allow_anonymous true\nacl_file {acl}\n")
    mosquitto.start()
    store.add(make_event(1))
    publisher = start(mosquitto.broker)
    eventually(lambda: TOPICS.event in publisher.client.refused, "the refusal")
    assert "refused events on vad-edge/home/walkway/event: not authorized; allow it in the broker's ACL" in (
        str(publisher.client.refused[TOPICS.event])
    )
    assert len(store.pending("walkway")) == 1
    acl.write_text("topic readwrite vad-edge/#\n")
    mosquitto.signal(signal.SIGHUP)
    eventually(lambda: not store.pending("walkway"), "the event to go through", timeout_s=15)
    assert not publisher.client.refused
