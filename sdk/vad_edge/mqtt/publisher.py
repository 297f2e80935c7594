"""One camera's voice on MQTT: availability, state, risk, health, and its events out of the store."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vad_edge.clock import age_s, utc_now, utc_stamp
from vad_edge.config.site import BrokerConfig
from vad_edge.events.event import Event
from vad_edge.events.store import EventStore
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthSnapshot
from vad_edge.mqtt.client import MqttClient, Will
from vad_edge.mqtt.command import CommandInbox, CommandResult
from vad_edge.mqtt.homeassistant import BIRTH, Shown, discovery, discovery_topic, status_topic
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.messages import JSON, Label
from vad_edge.mqtt.outbox import Outbox
from vad_edge.mqtt.topics import CameraTopics
from vad_edge.version import __version__

ONLINE, STOPPED, OFFLINE = b"online", b"stopped", b"offline"

_IDLE_S = 0.5
_FLUSH_S = 2.0
_JOIN_S = 1.0
_WELCOME_S = 5.0
_CHANCE = random.Random()
"""When Home Assistant has started, all cameras of a house speak within so long, not all at once."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """Home Assistant's discovery: what is said where, and on which topic it tells that it has started.

    An empty message takes back what an earlier run has said.
    """

    topic: str
    payload: bytes
    status_topic: str


@dataclass(frozen=True, slots=True)
class RunsOn:
    """What a camera is watched with: versions and hashes, for whoever must know later what judged it.

    Hashes are sha256 in hex; pack_sha256 is None where no pack is in force. promise is the alarm budget that
    is kept, None where the levels are the site file's.
    """

    bundle: str = ""
    bundle_sha256: str | None = None
    pack_sha256: str | None = None
    promise: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields of a camera's state, as plain values for JSON."""
        return {
            "stage": "watching" if self.promise is None else "keeping",
            "promise": None if self.promise is None else {"budget": self.promise, "since": None},
            "versions": {
                "software": __version__,
                "bundle": self.bundle,
                "bundle_sha256": self.bundle_sha256,
                "pack_sha256": self.pack_sha256,
            },
        }


class CameraPublisher:
    """Publishes what one camera has to say, over a connection of its own so that it has its own will.

    No method waits for the broker: a thread pumps the outbox. What the broker misses while it is away stays
    in the store (events) or is said again when it is back (availability, state, health). With `commands`,
    what is asked of the camera arrives in `inbox`. model is the name of the bundle that watches. armed is
    what answers to commands say of the camera.
    """

    def __init__(
        self,
        client: MqttClient,
        topics: CameraTopics,
        outbox: Outbox,
        *,
        commands: bool = False,
        greeting: Greeting | None = None,
        model: str = "",
        risk_interval_s: float = 0.5,
    ) -> None:
        self.client = client
        self.topics = topics
        self.inbox = CommandInbox(self.publish_result) if commands else None
        self._outbox = outbox
        self._greeting = greeting
        self._model = model
        self.armed = True
        self._risk_interval_s = risk_interval_s
        self._risk: float | None = None
        self._risk_due_s = 0.0
        self._welcome_due_s = math.inf
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._pump, name=f"mqtt-{topics.camera}", daemon=True)
        client.on_message = self._message
        client.on_retained = self._retained

    def start(self) -> None:
        """Begin to connect and to publish; says ``online`` on every connect."""
        if self._greeting is not None:
            self.client.set_retained(self._greeting.topic, self._greeting.payload, JSON)
            self.client.subscribe(self._greeting.status_topic)
        self.client.set_retained(self.topics.availability, ONLINE)
        self.client.subscribe(self.topics.availability)
        if self.inbox is not None:
            self.client.subscribe(self.topics.command)
        self.client.on_connected(self._wake.set)
        self.client.start()
        self._thread.start()

    def wake(self) -> None:
        """Say that the store has a new event; without it the pump looks twice a second."""
        self._wake.set()

    def publish_state(
        self,
        level: Level,
        *,
        risk: float,
        time: datetime,
        since: datetime | None = None,
        incident: str | None = None,
        armed: bool = True,
        tamper: str | None = None,
        armed_by: str = "schedule",
        maintenance_until: datetime | None = None,
        runs_on: RunsOn = RunsOn(),
    ) -> None:
        """Publish the warning level, retained; since, incident, tamper are None when nothing is going on."""
        state = {
            "level": str(level),
            "since": utc_stamp(since) if since else None,
            "incident": incident,
            "risk": risk,
            "armed": armed,
            "time": utc_stamp(time),
            "model": self._model,
            "test": False,
            "tamper": tamper,
            "armed_by": armed_by,
            "maintenance_until": utc_stamp(maintenance_until) if maintenance_until else None,
            **runs_on.to_dict(),
        }
        self.client.set_retained(self.topics.state, _json(state), JSON)

    def publish_health(self, snapshot: HealthSnapshot) -> None:
        """Publish conditions and counters, retained."""
        self.client.set_retained(self.topics.health, _json(snapshot.to_dict()), JSON)

    def publish_risk(self, value: float) -> None:
        """Publish the risk as a plain number; of those that come too fast, the newest is sent."""
        self._risk = value
        if time.monotonic() >= self._risk_due_s:
            self._wake.set()

    def publish_snapshot(self, jpeg: bytes, event: Event | None = None) -> None:
        """Publish a picture; of `event`, if it shows one."""
        about = {} if event is None else {"incident": event.incident, "event": event.id}
        self.client.publish(self.topics.snapshot, jpeg, qos=1, label=Label("image/jpeg", user=about))

    def publish_result(self, result: CommandResult) -> None:
        """Say what became of a command."""
        payload = result.payload(armed=self.armed, time=utc_stamp(utc_now()))
        self.client.publish(self.topics.command_result, payload, qos=1, label=JSON)

    def stop(self) -> None:
        """Send what can be sent in a bounded time, say ``stopped``, disconnect."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_FLUSH_S + _JOIN_S)
        self.client.stop([(self.topics.availability, STOPPED, True)])

    def _message(self, topic: str, payload: bytes) -> None:
        if topic == self.topics.command and self.inbox is not None:
            self.inbox.accept(payload)
        elif topic == self.topics.availability and payload == OFFLINE and not self._stopping.is_set():
            # The will of a connection that died before us, which the broker has only now noticed.
            self.client.set_retained(topic, ONLINE)
        elif self._greeting is not None and topic == self._greeting.status_topic and payload == BIRTH:
            self._welcome_due_s = time.monotonic() + _CHANCE.uniform(0.0, _WELCOME_S)

    def _retained(self, topic: str, payload: bytes) -> None:
        if topic == self.topics.command and self.inbox is not None:
            self.inbox.accept(payload, retained=True)

    def _pump(self) -> None:
        pause_s = _IDLE_S
        while not self._stopping.is_set():
            self._wake.wait(pause_s)
            self._wake.clear()
            if time.monotonic() >= self._risk_due_s:
                self._send_risk()
            if time.monotonic() >= self._welcome_due_s:
                self._welcome_due_s = math.inf
                self.client.republish()
            pause_s = min(self._outbox.turn(), _IDLE_S)
        self._send_risk()
        deadline_s = time.monotonic() + _FLUSH_S
        while (left_s := deadline_s - time.monotonic()) > (pause_s := self._outbox.turn(deadline_s)):
            time.sleep(min(pause_s, left_s))

    def _send_risk(self) -> None:
        risk, self._risk = self._risk, None
        if risk is None:
            return
        self._risk_due_s = time.monotonic() + self._risk_interval_s
        self.client.publish(self.topics.risk, f"{risk:.4g}".encode())


def camera_publisher(
    broker: BrokerConfig,
    *,
    site: str,
    camera: str,
    store: EventStore,
    age_s: Callable[[datetime], float] = age_s,
    model: str = "",
) -> CameraPublisher:
    """The publisher of a camera with a connection whose will says ``offline``.

    age_s is by the clock that stamps its events. Raises ConfigError if the broker's table cannot be used.
    """
    topics = CameraTopics(site, camera)
    shown = Shown(broker.commands, broker.snapshots, model)
    greeting = Greeting(
        discovery_topic(broker.discovery_prefix, topics),
        _json(discovery(topics, shown)) if broker.discovery else b"",
        status_topic(broker.discovery_prefix),
    )
    return bare_publisher(
        broker,
        topics,
        store,
        role=camera,
        age_s=age_s,
        commands=broker.commands,
        greeting=greeting,
        model=model,
    )


def bare_publisher(
    broker: BrokerConfig,
    topics: CameraTopics,
    store: EventStore,
    *,
    role: str,
    age_s: Callable[[datetime], float] = age_s,
    commands: bool = False,
    greeting: Greeting | None = None,
    model: str = "",
) -> CameraPublisher:
    """The same without what the broker's table has it show and hear; role tells its connection from others.

    Raises ConfigError if the broker's table cannot be used.
    """
    client = MqttClient(
        broker, client_id=client_id(broker, topics.site, role), will=Will(topics.availability, OFFLINE)
    )
    outbox = Outbox(
        client, topics, store, age_s=age_s, fresh_s=broker.fresh_s, replay_per_s=broker.replay_per_s
    )
    return CameraPublisher(client, topics, outbox, commands=commands, greeting=greeting, model=model)


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
