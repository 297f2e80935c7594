"""A client that notes what it hears, for looking at a site from outside."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any

from paho.mqtt.client import topic_matches_sub

from vad_edge.clock import utc_now
from vad_edge.common.escape import plain
from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.messages import json_object
from vad_edge.mqtt.topics import ROOT


class TopicListener:
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
        heard = (
            payload for name, payload, _ in reversed(self._heard) if topic_matches_sub(topic_filter, name)
        )
        kept = (
            payload for name, payload in list(self._kept.items()) if topic_matches_sub(topic_filter, name)
        )
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


CONNECT_S = 15.0
_WAIT_S = 0.2
_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One message: when it came (UTC), the site, the camera, and what of the camera's topics it was on."""

    time: datetime
    site: str
    camera: str
    leaf: str
    payload: bytes
    retained: bool


def listen(
    broker: BrokerConfig, *, site: str, stop: Event, duration_s: float | None = None
) -> Iterator[Heard]:
    """What arrives from `site` (``+``: from every site), until `stop` is set or the time is over.

    Raises BrokerError if the broker cannot be reached in the beginning; later losses are waited out.
    """
    arrived: queue.Queue[Heard] = queue.Queue(_KEPT)

    def hear(topic: str, payload: bytes, retained: bool = False) -> None:
        heard = _split(topic, payload, retained)
        if heard is not None and not arrived.full():
            arrived.put(heard)

    client = MqttClient(
        broker,
        client_id=client_id(broker, "all" if site == "+" else site, "listen"),
        on_message=hear,
        on_retained=lambda topic, payload: hear(topic, payload, True),
    )
    client.subscribe(f"{ROOT}/{site}/#")
    client.start()
    deadline_s = time.monotonic() + CONNECT_S
    try:
        while not client.wait_connected(_WAIT_S) and not stop.is_set():
            if time.monotonic() > deadline_s and client.problem is not None:
                raise client.problem.error()
        ends_s = None if duration_s is None else time.monotonic() + duration_s
        while not stop.is_set() and (ends_s is None or time.monotonic() < ends_s):
            try:
                yield arrived.get(timeout=_WAIT_S)
            except queue.Empty:
                continue
    finally:
        client.stop()


def _split(topic: str, payload: bytes, retained: bool) -> Heard | None:
    levels = topic.split("/", 3)
    if len(levels) < 4:
        return None
    return Heard(utc_now(), levels[1], levels[2], levels[3], payload, retained)


MAX_TEXT = 160


def describe(leaf: str, payload: bytes) -> str:
    """What a message on the topic that ends in `leaf` says, without anything a terminal would obey."""
    if leaf == "snapshot":
        kind = "JPEG" if payload.startswith(b"\xff\xd8") else "no JPEG"
        return f"{kind}, {len(payload) / 1000:.1f} kB"
    content = json_object(payload)
    try:
        text = "" if content is None or leaf not in _DESCRIBED else _DESCRIBED[leaf](content)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        text = ""
    return _harmless(text or payload[: 4 * MAX_TEXT].decode("utf-8", "replace"))


def _event(content: dict[str, Any]) -> str:
    data = content["data"]
    test = "TEST " if data.get("test") else ""
    if data.get("tamper"):
        return f"{test}{data['kind']}: {data['tamper']}"
    parts = sorted(data["shares"].items(), key=lambda part: -part[1])[:3]
    why = ", ".join(f"{name} {value:.1f}" for name, value in parts if value >= 0.1)
    risk = f"{data['risk']:.1f} ({why})" if why else f"{data['risk']:.1f}"
    return f"{test}{data['kind']} {data['level']}, risk {risk}; {data['rarity']}"


def _state(content: dict[str, Any]) -> str:
    test = "TEST " if content.get("test") else ""
    armed = "armed" if content["armed"] else "disarmed"
    if content.get("maintenance_until"):
        armed = f"maintenance until {content['maintenance_until']}"
    since = f", since {content['since']}" if content["since"] else ""
    tamper = f", TAMPER {content['tamper']}" if content.get("tamper") else ""
    return f"{test}{content['level']}, {armed}, risk {content['risk']:.1f}{since}{tamper}"


def _health(content: dict[str, Any]) -> str:
    if content["ok"]:
        return "well"
    return "; ".join(f"{each['code']} {each['subject']}: {each['message']}" for each in content["conditions"])


def _command(content: dict[str, Any]) -> str:
    given = [f"{key} {value}" for key, value in content.items() if key != "command" and value]
    return ", ".join([str(content["command"]), *given])


def _result(content: dict[str, Any]) -> str:
    if content["ok"]:
        return f"{content['command']}: done, {'armed' if content['armed'] else 'disarmed'}"
    return f"{content['command']}: refused: {content['reason']}"


_DESCRIBED = {
    "event": _event,
    "event/replay": _event,
    "state": _state,
    "health": _health,
    "command": _command,
    "command/result": _result,
}


def _harmless(text: str) -> str:
    shown = plain(text)
    return shown if len(shown) <= MAX_TEXT else f"{shown[: MAX_TEXT - 3]}..."
