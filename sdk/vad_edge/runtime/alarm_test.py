"""A commissioning test: a made-up incident through store and broker, and a client that hangs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vad_edge.clock import utc_now
from vad_edge.config.site import SiteConfig
from vad_edge.errors import ConfigError, VadEdgeError
from vad_edge.events.event import Event
from vad_edge.events.incidents import Incidents
from vad_edge.events.rehearsal import made_up_incident
from vad_edge.events.store import EventStore
from vad_edge.fusion.ident import new_id
from vad_edge.mqtt.client import MqttClient, Will
from vad_edge.mqtt.ear import Ear
from vad_edge.mqtt.homeassistant import discovery_topic
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.outbox import Outbox
from vad_edge.mqtt.publisher import OFFLINE, ONLINE, CameraPublisher
from vad_edge.mqtt.topics import CameraTopics
from vad_edge.runtime.doctor import Finding

CONNECT_S = 15.0
ARRIVE_S = 15.0
RETAINED_S = 0.5
HANG_KEEPALIVE_S = 2
HANG_NOTICED_S = 15.0
STATE_HELD_S = 2.0
"""How long the test alarm stands in the state, so that whoever polls it sees it."""

_CHECK = "run `vad-edge mqtt check`"


def alarm_test(site: SiteConfig, camera: str, store_path: Path) -> Iterator[Finding]:
    """Drive a test incident as a real one would go, and say of each station on its way what it answered.

    Where `camera` is being watched by a run on this machine, its own publisher carries the events; else one
    made for the test does. Every event is marked as a test, the retained state says alarm for two seconds
    and is then put back, the incident is kept as acknowledged ``test``. Raises ConfigError or StoreError
    for what cannot begin.
    """
    topics = CameraTopics(site.site, camera)
    discovered = discovery_topic(site.broker.discovery_prefix, topics)
    with ExitStack() as stack:
        store = EventStore(store_path, repair=not store_path.exists())
        stack.callback(store.close)
        ear = Ear(site.broker, site=site.site, role="alarm-test", topics=(topics.everything, discovered))
        stack.callback(ear.client.stop)
        ear.client.start()
        if not ear.client.wait_connected(CONNECT_S) or not ear.client.wait_subscribed(CONNECT_S):
            problem = ear.client.problem
            text, fix = (problem.text, problem.fix) if problem else ("no answer", "check host and port")
            yield Finding("broker", "fail", text, fix)
            return
        time.sleep(RETAINED_S)
        yield Finding("broker", "ok", f"{ear.client.address} accepts us")
        if ear.newest(topics.availability) == ONLINE:
            yield Finding("device", "ok", "it is running: its own publisher carries the test")
        else:
            text = "no run is online: a publisher made for the test carries it"
            yield Finding("device", "warn", text, "start `vad-edge run` and test again for the whole way")
            publisher = _publisher(site, topics, store)
            publisher.start()
            stack.callback(publisher.stop)
        yield from _incident(store, ear, topics)
        yield _state(ear, topics)
        yield _home_assistant(ear.newest(discovered))
        yield _hang(site, ear, topics)


def camera_of(site: SiteConfig, name: str | None, names: list[str]) -> str:
    """The camera that is meant. Raises ConfigError where that is not clear."""
    if name is None and len(names) == 1:
        return names[0]
    if name in names:
        return name
    which = f"the site has {len(names)} cameras; which one is meant?"
    what = which if name is None else f"there is no camera {name!r}"
    raise ConfigError(what, where=f"site {site.site}", fix=f"give --camera, one of: {', '.join(names)}")


def _publisher(site: SiteConfig, topics: CameraTopics, store: EventStore) -> CameraPublisher:
    broker = site.broker
    client = MqttClient(
        broker,
        client_id=client_id(broker, topics.site, f"{topics.camera}-test"),
        will=Will(topics.availability, OFFLINE),
    )
    outbox = Outbox(
        client, topics, store, now=utc_now, fresh_s=broker.fresh_s, replay_per_s=broker.replay_per_s
    )
    return CameraPublisher(client, topics, outbox)


def _incident(store: EventStore, ear: Ear, topics: CameraTopics) -> Iterator[Finding]:
    """Each event into the store, and out of it to another client, and the acknowledgement back."""
    events = made_up_incident(topics.site, topics.camera, utc_now())
    for event in events:
        for finding in _event(store, ear, topics, event):
            yield finding
            if finding.state == "fail":
                return
    try:
        Incidents(store.database).acknowledge(events[0].incident, "test", by="alarm test")
    except VadEdgeError as error:
        yield Finding("incident", "fail", error.what, error.fix)
    else:
        yield Finding("incident", "ok", f"{events[0].incident} is kept, acknowledged as a test")


def _event(store: EventStore, ear: Ear, topics: CameraTopics, event: Event) -> Iterator[Finding]:
    started_s = time.monotonic()
    if not store.add(event).durable:
        yield Finding("store", "fail", f"{event.kind}: {store.failure}", "make room on the disk")
        return
    committed_s = time.monotonic()
    yield Finding("store", "ok", f"{event.kind}: on the disk after {_ms(committed_s - started_s)}")
    heard_s = ear.when(topics.event, lambda payload: _content(payload).get("id") == event.id, ARRIVE_S)
    if heard_s is None:
        text = f"{event.kind}: no other client had it within {ARRIVE_S:g} s; it stays in the store"
        yield Finding("event", "fail", text, _CHECK)
        return
    text = f"{event.kind}: another client has it after {_ms(heard_s - committed_s)}"
    yield Finding("event", "ok", text)
    delivered_s = _until_delivered(store, event)
    if delivered_s is None:
        text = f"{event.kind}: the broker's acknowledgement is not in the store; it will be sent again"
        yield Finding("acknowledged", "fail", text, "look at the device's log")
        return
    text = f"{event.kind}: the broker's word is in the store after {_ms(delivered_s - committed_s)}"
    yield Finding("acknowledged", "ok", text)


def _until_delivered(store: EventStore, event: Event) -> float | None:
    deadline_s = time.monotonic() + ARRIVE_S
    while any(waiting.id == event.id for waiting in store.newest_pending(event.camera, 50)):
        if time.monotonic() > deadline_s:
            return None
        time.sleep(0.005)
    return time.monotonic()


def _state(ear: Ear, topics: CameraTopics) -> Finding:
    """Say alarm in the retained state, as a test, and put back what was there."""
    before = ear.newest(topics.state)
    now = utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    known = _content(before) or {
        "armed": True, "model": "", "tamper": None, "armed_by": "schedule", "maintenance_until": None,
    }  # fmt: skip
    alarm = {**known, "level": "alarm", "since": now, "incident": new_id(), "risk": 4.0, "time": now}
    payload = json.dumps({**alarm, "test": True}).encode()
    said_s = time.monotonic()
    ear.client.publish(topics.state, payload, qos=1, retain=True)
    heard_s = ear.when(topics.state, lambda heard: heard == payload, ARRIVE_S)
    if heard_s is None:
        return Finding("state", "fail", f"{topics.state} did not come back", _CHECK)
    time.sleep(STATE_HELD_S)
    if ear.newest(topics.state) == payload:  # a real change in between stays
        normal = {**alarm, "level": "normal", "since": None, "incident": None, "risk": 0.0, "test": False}
        back = before or json.dumps(normal).encode()
        ear.client.publish(topics.state, back, qos=1, retain=True).wait(ARRIVE_S)
    text = f"alarm for {STATE_HELD_S:g} s, marked as a test; another client has it"
    return Finding("state", "ok", f"{text} after {_ms(heard_s - said_s)}")


def _home_assistant(discovered: bytes | None) -> Finding:
    if discovered:
        text = "the camera's discovery is on the broker: one that is running has shown the test"
        return Finding("home assistant", "ok", text)
    text = "no discovery of this camera is on the broker"
    return Finding("home assistant", "warn", text, "start `vad-edge run` with discovery = true once")


def _hang(site: SiteConfig, ear: Ear, topics: CameraTopics) -> Finding:
    """Have a client fall silent, and wait for the broker to tell of it."""
    word = f"missed {new_id()}".encode()
    client = MqttClient(
        site.broker,
        client_id=client_id(site.broker, site.site, "hang"),
        will=Will(topics.check, word, retain=False),
        keepalive_s=HANG_KEEPALIVE_S,
    )
    client.start()
    try:
        if not client.wait_connected(CONNECT_S):
            return Finding("heartbeat", "fail", client.last_error or "no answer", _CHECK)
        silent_s = time.monotonic()
        client.fall_silent()
        noticed_s = ear.when(topics.check, lambda heard: heard == word, HANG_NOTICED_S)
    finally:
        client.stop()
    if noticed_s is None:
        text = f"a client that fell silent was not missed within {HANG_NOTICED_S:g} s"
        return Finding("heartbeat", "fail", text, "use a broker that watches the keepalive")
    took = f"{noticed_s - silent_s:.1f} s (its keepalive: {HANG_KEEPALIVE_S} s)"
    return Finding("heartbeat", "ok", f"a client that fell silent was missed after {took}")


def _content(payload: bytes | None) -> dict[str, Any]:
    try:
        content = json.loads(payload or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _ms(seconds: float) -> str:
    return f"{1000 * max(seconds, 0.0):.1f} ms"
