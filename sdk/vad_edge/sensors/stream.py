"""One declared stream as it stands: its newest reading, its baseline, what is left of its surprise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vad_edge.config.site import SensorConfig
from vad_edge.sensors.baseline import decayed, new_baseline
from vad_edge.sensors.reading import Reading
from vad_edge.sensors.staleness import Status, stream_status


@dataclass(frozen=True, slots=True)
class StreamView:
    """A stream at one moment, for display; value is None before the first good reading."""

    name: str
    kind: Literal["binary", "analog"]
    unit: str
    value: float | None
    status: Status
    surprise: float


class Stream:
    """The state of one stream; not thread-safe, the hub's lock guards it."""

    def __init__(self, config: SensorConfig) -> None:
        self.config = config
        self.reading: Reading | None = None
        self.fault = ""
        self.rejected = 0
        self._baseline = new_baseline(config)
        self._peak = 0.0
        self._peak_s = 0.0

    def accept(self, value: float, time_s: float) -> None:
        """Take a good reading; a broken stream has recovered."""
        self.fault = ""
        self.reading = Reading(self.config.name, value, time_s)
        surprise = self._baseline.update(value, time_s)
        if surprise >= self.surprise(time_s):
            self._peak, self._peak_s = surprise, time_s

    def reject(self, fault: str) -> None:
        """Take a payload that was not what was declared; the stream is left out until it speaks well."""
        self.fault = fault
        self.rejected += 1

    def surprise(self, time_s: float) -> float:
        """What is left at `time_s` of the stream's newest surprise."""
        return decayed(self._peak, time_s - self._peak_s, self.config.hold_s)

    def status(self, time_s: float) -> Status:
        """Whether the stream can be believed at `time_s`."""
        last_s = self.reading.time_s if self.reading else None
        return stream_status(self.config, last_s, bool(self.fault), time_s)

    def view(self, time_s: float) -> StreamView:
        """The stream as shown at `time_s`; a stream that cannot be believed surprises nobody."""
        status = self.status(time_s)
        return StreamView(
            name=self.config.name,
            kind=self.config.kind,
            unit=self.config.unit,
            value=self.reading.value if self.reading else None,
            status=status,
            surprise=self.surprise(time_s) if status == "ok" else 0.0,
        )
