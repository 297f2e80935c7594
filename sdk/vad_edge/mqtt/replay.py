"""Sends a sensor recording through a broker, as if the sensors were there."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from vad_edge.config.site import BrokerConfig
from vad_edge.errors import BrokerError, ConfigError
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.messages import PublishHandle
from vad_edge.mqtt.topics import any_availability, replay_watermark
from vad_edge.sensors.recording import RecordedMessage, envelope, read_recording

Progress = Callable[[int, int], None]

_CONNECT_S = 10.0
_ACKNOWLEDGE_S = 15.0
_IN_FLIGHT = 200


def replay_sensors(
    recording: Path,
    broker: BrokerConfig,
    *,
    site: str,
    speed: float | None = None,
    wait_for_run_s: float = 30.0,
    on_progress: Progress | None = None,
) -> int:
    """Publish every message of `recording`; returns how many.

    Begins when a camera of `site` says ``online``, at the latest after wait_for_run_s; 0 does not wait.
    speed None sends all at once, each with its media time, and then a watermark: for runs on a recording.
    A speed sends the original payloads in real time, 2.0 twice as fast as they happened. on_progress gets
    (sent, total).

    Raises SensorError for a bad recording, ConfigError for a bad speed or broker, BrokerError if the broker
    cannot be reached or no camera says ``online``.
    """
    if speed is not None and not speed > 0:
        raise ConfigError(f"{speed:g} is not a speed", where="speed", fix="give a number above 0")
    messages = read_recording(recording)
    online = threading.Event()

    def heard(topic: str, payload: bytes) -> None:
        if payload == b"online":
            online.set()

    client = MqttClient(broker, client_id=client_id(broker, site, "replay"), on_message=heard)
    client.subscribe(any_availability(site), qos=1)
    client.start()
    try:
        if not client.wait_connected(max(_CONNECT_S, wait_for_run_s)):
            raise BrokerError(client.last_error or "no answer from the broker", where=str(client.address))
        if wait_for_run_s > 0 and not online.wait(wait_for_run_s):
            raise BrokerError(
                f"no camera of site {site!r} said `online` within {wait_for_run_s:g} s",
                where=str(client.address),
                fix="start `vad-edge run` with the same broker and site first",
            )
        sender = _Sender(client)
        _send_all(sender, messages, speed, on_progress)
        if speed is None:
            last_s = messages[-1].time_s if messages else 0.0
            sender.send(replay_watermark(site), json.dumps({"media_time_s": last_s}).encode())
        sender.finish()
    finally:
        client.stop()
    return len(messages)


def _send_all(
    sender: _Sender, messages: list[RecordedMessage], speed: float | None, on_progress: Progress | None
) -> None:
    start_s = time.monotonic()
    for sent, message in enumerate(messages, start=1):
        if speed is None:
            sender.send(message.topic, envelope(message))
        else:
            time.sleep(max(start_s + message.time_s / speed - time.monotonic(), 0.0))
            sender.send(message.topic, message.payload)
        if on_progress is not None:
            on_progress(sent, len(messages))


class _Sender:
    """Publishes in order, QoS 1, never more than a window ahead of the broker."""

    def __init__(self, client: MqttClient) -> None:
        self._client = client
        self._open: deque[PublishHandle] = deque()

    def send(self, topic: str, payload: bytes) -> None:
        """Publish one message, waiting for the connection and for room in the window."""
        while len(self._open) >= _IN_FLIGHT:
            self._settle()
        deadline_s = time.monotonic() + _ACKNOWLEDGE_S
        while (handle := self._client.publish(topic, payload, qos=1)).lost:
            if time.monotonic() > deadline_s:
                raise self._failure()
            self._client.wait_connected(1.0)
        self._open.append(handle)

    def finish(self) -> None:
        """Wait until the broker has every message."""
        while self._open:
            self._settle()

    def _settle(self) -> None:
        if not self._open.popleft().wait(_ACKNOWLEDGE_S):
            raise self._failure()

    def _failure(self) -> BrokerError:
        reason = self._client.last_error or "no acknowledgement"
        return BrokerError(f"the replay broke off: {reason}", where=str(self._client.address))
