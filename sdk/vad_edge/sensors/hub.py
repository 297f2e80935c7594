"""Every declared stream of a site: payloads go in from the broker's thread, evidence comes out."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from vad_edge.clock import RunClock
from vad_edge.config.site import SensorConfig
from vad_edge.errors import SensorError
from vad_edge.sensors.matching import is_wildcard, topic_matches
from vad_edge.sensors.parse import read_value, unwrap
from vad_edge.sensors.reading import SensorSurprise
from vad_edge.sensors.staleness import stale_after_s
from vad_edge.sensors.stream import Stream, StreamView

__all__ = ["SensorHub", "StreamView"]


@dataclass(frozen=True, slots=True, order=True)
class _Arrival:
    """A parsed payload or its fault; orders by time, so that a heap hands them out as they happened."""

    time_s: float
    name: str
    number: int
    value: float | None = field(compare=False)
    fault: str = field(compare=False)


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
            (self._wildcards if is_wildcard(topic) else self._exact[topic]).append(stream)
        self._waiting: list[_Arrival] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._received = 0

    def topics(self) -> list[str]:
        """The topic filters to subscribe to, each once."""
        return list(dict.fromkeys(stream.config.topic for stream in self._streams.values()))

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

    def accept(self, topic: str, payload: bytes) -> None:
        """Take one message in; never raises. Topics nobody declared are ignored."""
        with self._lock:
            for stream in self._exact.get(topic, ()):
                self._take(stream, payload)
            for stream in self._wildcards:
                if topic_matches(stream.config.topic, topic):
                    self._take(stream, payload)

    def evidence(self, camera: str, time_s: float) -> list[SensorSurprise]:
        """How unusual each fresh, healthy stream that counts for `camera` is at `time_s`."""
        with self._lock:
            self._catch_up(time_s)
            return [
                SensorSurprise(name, stream.surprise(time_s), time_s)
                for name, stream in self._streams.items()
                if (not stream.config.cameras or camera in stream.config.cameras)
                and stream.status(time_s) == "ok"
            ]

    def views(self, time_s: float) -> list[StreamView]:
        """Every stream as it stands at `time_s`, in the order of the site file."""
        with self._lock:
            self._catch_up(time_s)
            return [stream.view(time_s) for stream in self._streams.values()]

    def conditions(self, time_s: float) -> list[tuple[str, str, str]]:
        """What is wrong with the streams at `time_s`: (code, stream, message).

        A code is ``sensor_stale`` or ``sensor_broken``.
        """
        with self._lock:
            self._catch_up(time_s)
            found = []
            for name, stream in self._streams.items():
                status = stream.status(time_s)
                if status == "broken":
                    found.append(("sensor_broken", name, stream.fault))
                elif status == "stale" and stream.reading is not None:
                    silent_s = time_s - stream.reading.time_s
                    limit_s = stale_after_s(stream.config) or 0.0
                    message = f"sensor {name} has been silent for {silent_s:.0f} s, {limit_s:g} s are allowed"
                    found.append(("sensor_stale", name, message))
            return found

    def _take(self, stream: Stream, payload: bytes) -> None:
        self._received += 1
        time_s, value, fault = self._clock.now(), None, ""
        try:
            unwrapped = unwrap(stream.config, payload)
            if self._clock.is_media and unwrapped.media_time_s is not None:
                time_s = unwrapped.media_time_s
            value = read_value(stream.config, unwrapped.content)
        except SensorError as error:
            fault = str(error)
        arrival = _Arrival(
            time_s - stream.config.latency_s, stream.config.name, next(self._numbers), value, fault
        )
        if self._clock.is_media:
            heapq.heappush(self._waiting, arrival)
        else:
            self._apply(arrival)

    def _catch_up(self, time_s: float) -> None:
        while self._waiting and self._waiting[0].time_s <= time_s:
            self._apply(heapq.heappop(self._waiting))

    def _apply(self, arrival: _Arrival) -> None:
        stream = self._streams[arrival.name]
        if arrival.value is None:
            stream.reject(arrival.fault)
        else:
            stream.accept(arrival.value, arrival.time_s)
