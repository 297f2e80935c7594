"""Everything a site says, as it is said."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from vad_edge.clock import utc_now
from vad_edge.config.site import BrokerConfig
from vad_edge.mqtt.client import MqttClient
from vad_edge.mqtt.identity import client_id
from vad_edge.mqtt.topics import ROOT

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
