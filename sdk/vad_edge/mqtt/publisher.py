"""One camera's voice on MQTT: availability, state, risk, health, and its events out of the store."""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import datetime, timezone
from typing import Any

from vad_edge.config.site import BrokerConfig
from vad_edge.errors import StoreError
from vad_edge.events.event import Event, to_cloudevent
from vad_edge.events.store import EventStore
from vad_edge.fusion.level import Level
from vad_edge.health.board import HealthSnapshot
from vad_edge.mqtt.client import MqttClient, Will
from vad_edge.mqtt.handle import PublishHandle
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.topics import CameraTopics

_log = logging.getLogger(__name__)

ONLINE, STOPPED, OFFLINE = b"online", b"stopped", b"offline"

_BATCH = 64
_IDLE_S = 0.5
_ACKNOWLEDGE_S = 0.25
_REFUSED_PAUSE_S = 5.0
_FLUSH_S = 2.0


class CameraPublisher:
    """Publishes what one camera has to say, over a connection of its own so that it has its own will.

    No method waits for the broker: a thread pumps the outbox, in the order of the store, and marks an event
    as delivered when the broker has acknowledged it. What the broker misses while it is away stays in the
    store (events) or is said again when it is back (availability, state, health).
    """

    def __init__(
        self, client: MqttClient, topics: CameraTopics, store: EventStore, *, risk_interval_s: float = 0.5
    ) -> None:
        self.client = client
        self.topics = topics
        self._store = store
        self._risk_interval_s = risk_interval_s
        self._risk: float | None = None
        self._risk_due_s = 0.0
        self._in_flight: dict[str, PublishHandle] = {}
        self._paused_until_s = 0.0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._pump, name=f"mqtt-{topics.camera}", daemon=True)

    def start(self) -> None:
        """Begin to connect and to publish; says ``online`` on every connect."""
        self.client.set_retained(self.topics.availability, ONLINE)
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
    ) -> None:
        """Publish the warning level, retained; since and incident are None when nothing is going on."""
        state = {
            "level": str(level),
            "since": _stamp(since) if since else None,
            "incident": incident,
            "risk": risk,
            "armed": True,
            "time": _stamp(time),
        }
        self.client.set_retained(self.topics.state, _json(state))

    def publish_health(self, snapshot: HealthSnapshot) -> None:
        """Publish conditions and counters, retained."""
        self.client.set_retained(self.topics.health, _json(snapshot.to_dict()))

    def publish_risk(self, value: float) -> None:
        """Publish the risk as a plain number; of those that come too fast, the newest is sent."""
        self._risk = value
        if time.monotonic() >= self._risk_due_s:
            self._wake.set()

    def stop(self) -> None:
        """Send what can be sent in a bounded time, say ``stopped``, disconnect."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_FLUSH_S + 2 * _ACKNOWLEDGE_S)
        self.client.stop([(self.topics.availability, STOPPED, True)])

    def _pump(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(_IDLE_S)
            self._wake.clear()
            if time.monotonic() >= self._risk_due_s:
                self._send_risk()
            self._send_events()
        self._send_risk()
        deadline_s = time.monotonic() + _FLUSH_S
        while time.monotonic() < deadline_s and self._send_events():
            pass

    def _send_risk(self) -> None:
        risk, self._risk = self._risk, None
        if risk is None:
            return
        self._risk_due_s = time.monotonic() + self._risk_interval_s
        self.client.publish(self.topics.risk, f"{risk:.4g}".encode())

    def _send_events(self) -> bool:
        """Publish and settle one batch; whether there may be more to do."""
        if not self.client.connected or time.monotonic() < self._paused_until_s:
            return False
        try:
            events = self._store.pending(self.topics.camera, _BATCH)
            for event in events:
                if event.id not in self._in_flight and not self._send(event):
                    break
            for event_id in list(self._in_flight):
                if not self._settle(event_id):
                    return True
        except StoreError as error:
            _log.error("%s; its events may be sent twice", error)
            self._paused_until_s = time.monotonic() + _REFUSED_PAUSE_S
            return False
        if events:
            self._wake.set()
        return bool(events)

    def _send(self, event: Event) -> bool:
        handle = self.client.publish(self.topics.event, _json(to_cloudevent(event)), qos=1)
        if not handle.lost:
            self._in_flight[event.id] = handle
        return not handle.lost

    def _settle(self, event_id: str) -> bool:
        handle = self._in_flight[event_id]
        if handle.wait(_ACKNOWLEDGE_S):
            self._store.mark_delivered(event_id)
        elif handle.lost:
            self._paused_until_s = time.monotonic() + _REFUSED_PAUSE_S
        else:
            return False
        del self._in_flight[event_id]
        return True


def camera_publisher(broker: BrokerConfig, *, site: str, camera: str, store: EventStore) -> CameraPublisher:
    """The publisher of a camera with a connection whose will says ``offline``.

    Raises ConfigError if the broker's table cannot be used.
    """
    topics = CameraTopics(site, camera)
    client = MqttClient(
        broker, client_id=client_id(broker, site, camera), will=Will(topics.availability, OFFLINE)
    )
    return CameraPublisher(client, topics, store)


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def _stamp(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
