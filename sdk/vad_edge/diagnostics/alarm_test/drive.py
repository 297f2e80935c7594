"""The whole test, in the order in which an alarm travels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from vad_edge.clock import utc_now
from vad_edge.config.site import SiteConfig
from vad_edge.diagnostics.alarm_test.bacnet import BacnetStation
from vad_edge.diagnostics.alarm_test.context import ARRIVE_S, BY, Rehearsal
from vad_edge.diagnostics.alarm_test.delivery import Delivery
from vad_edge.diagnostics.alarm_test.liveness import heartbeat, webhook
from vad_edge.diagnostics.alarm_test.state import StateCheck, incident_under_way
from vad_edge.diagnostics.finding import Finding, unreached
from vad_edge.errors import ConfigError, VadEdgeError
from vad_edge.events.commissioning import made_up_incident
from vad_edge.events.incidents import Incidents
from vad_edge.events.store import EventStore
from vad_edge.health.clock_sync import clock_synced
from vad_edge.mqtt.homeassistant import discovery_topic
from vad_edge.mqtt.listener import TopicListener
from vad_edge.mqtt.publisher import ONLINE, bare_publisher
from vad_edge.mqtt.topics import CameraTopics

CONNECT_S: Final = 15.0
RETAINED_S: Final = 0.5


def alarm_test(
    site: SiteConfig, camera: str, store_path: Path, bridges: Path, *, arrive_s: float = ARRIVE_S
) -> Iterator[Finding]:
    """Drive a test incident as a real one would go, and report what each stage on its way answered.

    Where `camera` is being watched by a run on this machine, its own publisher carries the events; else one
    made for the test does. Every event is marked as a test, the retained state says alarm for two seconds
    and is then put back, the incident is kept as acknowledged ``test``. BACnet device and webhook are looked
    at where the site has their tables; bridges is the folder in which they keep what they remember. Nothing
    is done to a camera with an incident under way. Raises ConfigError or StoreError for what cannot begin.
    """
    topics = CameraTopics(site.site, camera)
    discovered = discovery_topic(site.broker.discovery_prefix, topics)
    with ExitStack() as stack:
        store = EventStore(store_path, repair=not store_path.exists())
        stack.callback(store.close)
        listener = TopicListener(
            site.broker, site=site.site, role="alarm-test", topics=(topics.everything, discovered)
        )
        stack.callback(listener.client.stop)
        listener.client.start()
        if not listener.client.wait_connected(CONNECT_S) or not listener.client.wait_subscribed(CONNECT_S):
            yield unreached("broker", listener.client.problem)
            return
        time.sleep(RETAINED_S)
        yield Finding("broker", "ok", f"{listener.client.address} accepts us")
        running = listener.newest(topics.availability) == ONLINE
        under_way = incident_under_way(listener.newest(topics.state))
        if running and under_way is not None:
            text = f"incident {under_way} is under way; a test would hide it"
            yield Finding("device", "fail", text, "wait until it is over")
            return
        test = Rehearsal(site, topics, store, listener, running, arrive_s)
        bacnet = BacnetStation(test, site.bacnet)
        stack.callback(bacnet.close)
        with ExitStack() as carried:
            yield _device(test, carried)
            yield from bacnet.meet()
            yield from _incident(test, bacnet, bridges)
        yield _home_assistant(listener.newest(discovered))
        yield from heartbeat(test, bacnet)


def camera_of(site: SiteConfig, name: str | None, names: list[str]) -> str:
    """The camera that is meant. Raises ConfigError where that is not clear."""
    if name is None and len(names) == 1:
        return names[0]
    if name in names:
        return name
    which = f"the site has {len(names)} cameras; which one is meant?"
    what = which if name is None else f"there is no camera {name!r}"
    raise ConfigError(what, where=f"site {site.site}", fix=f"give --camera, one of: {', '.join(names)}")


def _device(test: Rehearsal, stack: ExitStack) -> Finding:
    if test.running:
        return Finding("device", "ok", "it is running: its own publisher carries the test")
    publisher = bare_publisher(test.site.broker, test.topics, test.store, role=f"{test.topics.camera}-test")
    publisher.start()
    stack.callback(publisher.stop)
    text = "no run is online: a publisher made for the test carries it"
    return Finding("device", "warn", text, "start `vad-edge run` and test again for the whole way")


def _incident(test: Rehearsal, bacnet: BacnetStation, bridges: Path) -> Iterator[Finding]:
    """A test incident from its first event to its acknowledgement."""
    opened, raised, cleared = made_up_incident(
        test.topics.site, test.topics.camera, utc_now(), time_synced=clock_synced()
    )
    delivery = Delivery(test)
    for event in (opened, raised):
        yield from delivery.deliver(event)
    state = StateCheck(test, opened.incident)
    try:
        yield state.say()
        yield from bacnet.alarm(opened.incident, state.said_s)
    finally:
        still_there = state.put_back()
    if still_there is not None:
        yield still_there
    yield from delivery.deliver(cleared)
    yield from bacnet.normal(state.back_s)
    yield from webhook(test, test.site.webhook, bridges / "webhook.db", delivery.arrived)
    if not delivery.arrived:
        return
    try:
        Incidents(test.store.database).acknowledge(opened.incident, "test", by=BY)
    except VadEdgeError as error:
        yield Finding("incident", "fail", error.what, error.fix)
    else:
        yield Finding("incident", "ok", f"{opened.incident} is kept, acknowledged as a test")


def _home_assistant(discovered: bytes | None) -> Finding:
    if discovered:
        text = "its discovery is on the broker: a Home Assistant that takes it shows the test; look there"
        return Finding("home assistant", "ok", text)
    text = "no discovery of this camera is on the broker"
    return Finding("home assistant", "warn", text, "start `vad-edge run` with discovery = true once")
