"""Sensor messages from the broker into the hub."""

from __future__ import annotations

import logging
import threading

from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.payload import json_object
from vad_edge.mqtt.topics import replay_watermark
from vad_edge.sensors.hub import SensorHub

PACE_S = 0.05
"""How late a reading may be for the sake of taking in many at once."""

_log = logging.getLogger(__name__)


class SensorSubscriber:
    """Feeds `hub` with every topic it declares, and knows when a replay has sent all it has.

    Start it, and wait until it is ready, before a camera says ``online``: a replay begins at that word.
    """

    def __init__(self, client: MqttClient, hub: SensorHub, site: str) -> None:
        self._client = client
        self._hub = hub
        self._watermark = replay_watermark(site)
        self._replayed = threading.Event()
        client.on_message = self._message

    def start(self) -> None:
        """Subscribe and begin to connect."""
        for topic in (*self._hub.topics(), self._watermark):
            self._client.subscribe(topic, qos=1)
        self._client.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until the broker has answered every subscription; False after `timeout_s`."""
        return self._client.wait_subscribed(timeout_s)

    def wait_for_replay(self, timeout_s: float) -> bool:
        """Wait until a replay's last message is in the hub; False after `timeout_s`."""
        return self._replayed.wait(timeout_s)

    def stop(self) -> None:
        """Disconnect."""
        self._client.stop()

    def _message(self, topic: str, payload: bytes) -> None:
        if topic != self._watermark:
            self._hub.accept(topic, payload)
        elif _is_watermark(payload):
            self._replayed.set()
        else:
            _log.warning("%s: ignored what is not a replay's watermark: %.60r", topic, payload)


def _is_watermark(payload: bytes) -> bool:
    return isinstance((json_object(payload) or {}).get("media_time_s"), (int, float))
