"""A client that notes what it hears, for looking at a site from outside."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.sensors.matching import topic_matches


class Ear:
    """Hears some topics from `start` to `stop`; meant for seconds, since it keeps everything."""

    def __init__(self, broker: BrokerConfig, *, site: str, role: str, topics: Iterable[str]) -> None:
        self._heard: list[tuple[str, bytes, float]] = []
        self._kept: dict[str, bytes] = {}
        self.client = MqttClient(
            broker,
            client_id=client_id(broker, site, role),
            on_message=lambda topic, payload: self._heard.append((topic, payload, time.monotonic())),
            on_retained=self._kept.__setitem__,
        )
        for topic in topics:
            self.client.subscribe(topic)

    def kept(self, topic: str) -> bytes | None:
        """What the broker had kept on the topic when we came."""
        return self._kept.get(topic)

    def newest(self, topic: str) -> bytes | None:
        """What was heard last on the topic, or had been kept."""
        heard = (payload for name, payload, _ in reversed(self._heard) if name == topic)
        return next(heard, self._kept.get(topic))

    def heard_under(self, topic_filter: str) -> bytes | None:
        """What was heard last, or had been kept, on any topic under the filter."""
        heard = (payload for name, payload, _ in reversed(self._heard) if topic_matches(topic_filter, name))
        kept = (payload for name, payload in list(self._kept.items()) if topic_matches(topic_filter, name))
        return next(heard, next(kept, None))

    def when(
        self,
        topic: str,
        matches: Callable[[bytes], bool],
        timeout_s: float,
        *,
        since_s: float = -math.inf,
    ) -> float | None:
        """The monotonic time of the first message from since_s on that matches; None if none comes."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            for name, payload, at_s in list(self._heard):
                if name == topic and at_s >= since_s and matches(payload):
                    return at_s
            if time.monotonic() > deadline_s:
                return None
            time.sleep(0.005)
