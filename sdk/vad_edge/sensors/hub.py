"""Every declared stream of a site: payloads go in from the broker's thread, evidence comes out."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from paho.mqtt.client import topic_matches_sub

from vad_edge.clock import RunClock
from vad_edge.config.site import SensorConfig
from vad_edge.errors import SensorError
from vad_edge.sensors.faults import StreamFault, skew_of
from vad_edge.sensors.parse import (
    LARGEST_PAYLOAD_BYTES,
    read_value,
    says_nothing,
    sender_time_s,
    too_large,
    unwrap,
)
from vad_edge.sensors.stream import SensorSurprise, Stream, StreamView, slot_of

__all__ = ["SensorHub", "StreamView"]

PUSHED: Final = "$pushed/"
"""Streams below this topic are given their values by the program itself and not by a broker."""


@dataclass(frozen=True, slots=True, order=True)
class _Arrival:
    """A parsed payload or its fault; orders by time, so that a heap hands them out as they happened."""

    time_s: float
    name: str
    number: int
    value: float | None = field(compare=False)
    fault: str = field(compare=False)
    skew_s: float = field(compare=False, default=0.0)


class SensorHub:
    """The streams of a site; safe to use from several threads.

    In a media-time run a reading that is ahead of the clock waits until someone asks for its time, so
    the outcome depends on neither the speed of the run nor the order of arrival.
    """

    def __init__(self, configs: Sequence[SensorConfig], clock: RunClock) -> None:
        self._clock = clock
        self._streams = {config.name: Stream(config) for config in configs}
        self._exact: dict[str, list[Stream]] = defaultdict(list)
        self._wildcards: list[Stream] = []
        for stream in self._streams.values():
            topic = stream.config.topic
            (self._wildcards if _is_wildcard(topic) else self._exact[topic]).append(stream)
        self._slot_for: tuple[int, list[tuple[str, bool | None]]] | None = None
        self._slot_is = ""
        self._by_camera: dict[str, list[Stream]] = {}
        self._contexts = [stream for stream in self._streams.values() if stream.config.role == "context"]
        self._gates = [stream for stream in self._streams.values() if stream.config.role == "gate"]
        self._waiting: list[_Arrival] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._received = 0

    def topics(self) -> list[str]:
        """The topic filters to subscribe to, each once."""
        topics = (stream.config.topic for stream in self._streams.values())
        return list(dict.fromkeys(topic for topic in topics if not topic.startswith(PUSHED)))

    @property
    def received(self) -> int:
        """Payloads taken in, once for each stream they belong to."""
        with self._lock:
            return self._received

    @property
    def rejected(self) -> int:
        """Payloads that were not what was declared."""
        with self._lock:
            return sum(stream.rejected for stream in self._streams.values())

    def accept(self, topic: str, payload: bytes, time_s: float | None = None) -> None:
        """Take one message in; never raises. Topics that are not declared are ignored.

        time_s is when a recorded message came, on the run clock; now where None.
        """
        with self._lock:
            for stream in self._exact.get(topic, ()):
                self._take(stream, payload, time_s)
            for stream in self._wildcards:
                if topic_matches_sub(stream.config.topic, topic):
                    self._take(stream, payload, time_s)

    def evidence(self, camera: str, time_s: float) -> list[SensorSurprise]:
        """How unusual each fresh, healthy stream that counts for `camera` is at `time_s`."""
        with self._lock:
            self._catch_up(time_s)
            return [
                SensorSurprise(stream.name, surprise, time_s)
                for stream in self._evidence_for(camera)
                if (surprise := stream.heard(time_s)) is not None
            ]

    def streams_for(self, camera: str) -> list[str]:
        """The streams that are evidence for `camera`."""
        with self._lock:
            return [stream.name for stream in self._evidence_for(camera)]

    def gated(self, camera: str, time_s: float) -> bool:
        """Whether a gate keeps the camera disarmed at `time_s`; one that cannot be believed does not."""
        if not self._gates:
            return False
        with self._lock:
            self._catch_up(time_s)
            return any(
                stream.state_at(time_s) is False for stream in self._gates if stream.config.is_for(camera)
            )

    def learned(self) -> dict[str, Any]:
        """What every stream has learned of its normal life, in plain values for JSON."""
        with self._lock:
            return {
                name: {"kind": stream.config.kind, "block_s": stream.config.hold_s, **stream.baseline.state()}
                for name, stream in self._streams.items()
                if stream.config.role == "evidence"
            }

    def take_up(self, learned: Mapping[str, Any]) -> list[str]:
        """Let streams go on from what `learned` gave; the names of those that have.

        What was learned of a stream that is declared otherwise now, or cannot be read, is left.
        """
        taken = []
        with self._lock:
            for name, stream in self._streams.items():
                state = learned.get(name)
                if stream.config.role == "evidence" and isinstance(state, Mapping) and stream.take_up(state):
                    taken.append(name)
        return taken

    def cut(self, ended_s: float, begin_s: float) -> None:
        """No stream was received from `ended_s` on; time goes on at `begin_s`, which may be earlier.

        What waits for its time is dropped. Only for recordings: a run listens all the time.
        """
        with self._lock:
            self._catch_up(ended_s)
            self._waiting.clear()
            slot = self._slot(ended_s)
            for stream in self._streams.values():
                stream.cut(ended_s, begin_s, slot)

    def views(self, time_s: float) -> list[StreamView]:
        """Every stream as it stands at `time_s`, in the order of the site file."""
        with self._lock:
            self._catch_up(time_s)
            return [stream.view(time_s) for stream in self._streams.values()]

    def faults(self, time_s: float) -> list[StreamFault]:
        """What is wrong with the streams at `time_s`."""
        with self._lock:
            self._catch_up(time_s)
            return [fault for stream in self._streams.values() for fault in stream.faults(time_s)]

    def _take(self, stream: Stream, payload: bytes, recorded_s: float | None) -> None:
        if says_nothing(stream.config, payload):
            return
        self._received += 1
        time_s = self._clock.now() if recorded_s is None else recorded_s
        time_s, value, fault, skew_s = self._parsed(stream.config, payload, time_s)
        time_s -= stream.config.latency_s
        if self._clock.is_media:
            number = next(self._numbers)
            heapq.heappush(self._waiting, _Arrival(time_s, stream.config.name, number, value, fault, skew_s))
        else:
            self._apply(stream, time_s, value, fault, skew_s)

    def _parsed(
        self, config: SensorConfig, payload: bytes, time_s: float
    ) -> tuple[float, float | None, str, float]:
        """A payload's time, its value or what is wrong with it, and by how much its clock is wrong."""
        skew_s = 0.0
        try:
            if len(payload) > LARGEST_PAYLOAD_BYTES:
                raise too_large(config, payload)
            unwrapped = unwrap(config, payload)
            if self._clock.is_media and unwrapped.media_time_s is not None:
                time_s = unwrapped.media_time_s
            if config.time_field is not None:
                sent_s = sender_time_s(config.time_field, unwrapped.content)
                skew_s = skew_of(sent_s, self._clock.wall(time_s).timestamp())
            return time_s, read_value(config, unwrapped.content), "", skew_s
        except SensorError as error:
            return time_s, None, str(error), skew_s

    def _catch_up(self, time_s: float) -> None:
        while self._waiting and self._waiting[0].time_s <= time_s:
            came = heapq.heappop(self._waiting)
            self._apply(self._streams[came.name], came.time_s, came.value, came.fault, came.skew_s)

    def _apply(self, stream: Stream, time_s: float, value: float | None, fault: str, skew_s: float) -> None:
        if value is None:
            stream.reject(fault)
        else:
            stream.skew_s = skew_s
            stream.accept(value, time_s, self._slot(time_s))

    def _evidence_for(self, camera: str) -> list[Stream]:
        if camera not in self._by_camera:
            evidence = (stream for stream in self._streams.values() if stream.config.role == "evidence")
            self._by_camera[camera] = [stream for stream in evidence if stream.config.is_for(camera)]
        return self._by_camera[camera]

    def _slot(self, time_s: float) -> str:
        second = int(time_s)
        if not self._contexts and self._slot_for is not None and self._slot_for[0] == second:
            return self._slot_is
        contexts = [(stream.config.name, stream.state_at(time_s)) for stream in self._contexts]
        if (second, contexts) != self._slot_for:
            self._slot_for = (second, contexts)
            at_s = time_s if self._clock.knows_time_of_day else 0.0
            self._slot_is = slot_of(self._clock.wall(at_s).astimezone(), contexts)
        return self._slot_is


def _is_wildcard(topic_filter: str) -> bool:
    return "+" in topic_filter or "#" in topic_filter
