"""What a stream's own readings say against it: stuck, flapping, or with a clock of its own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from vad_edge.config.site import SensorConfig
from vad_edge.health.conditions import Condition

LARGEST_SKEW_S: Final = 60.0

_STUCK_CHANCE = 1e-9
_LEAST_READINGS = 100
_LONGER_THAN_EVER = 3.0
_MEMORY_READINGS = 10_000.0


@dataclass(frozen=True, slots=True)
class StreamFault:
    """A condition of a stream: its message, and as params the figures in it."""

    code: Condition
    stream: str
    message: str
    params: Mapping[str, float | str] = field(default_factory=dict)


class StuckCheck:
    """Notices an analog stream that has stopped moving.

    It knows how often a reading differs from the one before; so many equal ones in a row that their chance is
    below one in a billion, and three times as many as ever before, are no coincidence. A stream that hardly
    ever moves is never stuck. run counts the newest equal readings, of value.
    """

    def __init__(self) -> None:
        self._readings = self._changed = 0.0
        self._longest = self.run = 0
        self.value: float | None = None

    def learn(self, value: float) -> None:
        """Take a reading."""
        moved = self.value is not None and value != self.value
        self.value = value
        if moved:
            if not self.stuck:
                self._longest = max(self._longest, self.run)
            self.run = 0
        self.run += 1
        if not self.stuck:
            self._readings += 1.0
            self._changed += moved
            if self._readings > _MEMORY_READINGS:
                self._readings, self._changed = self._readings / 2, self._changed / 2

    @property
    def stuck(self) -> bool:
        """Whether the present run of equal readings is beyond belief."""
        if self._readings < _LEAST_READINGS or self.run <= _LONGER_THAN_EVER * self._longest:
            return False
        same = 1.0 - (self._changed + 1.0) / (self._readings + 2.0)
        return self.run > math.log(_STUCK_CHANCE) / math.log(same)


class FlapCheck:
    """Notices a binary stream that changes more often in a minute than anything real."""

    def __init__(self, most_per_min: int) -> None:
        self.most_per_min = most_per_min
        self._changes: deque[float] = deque(maxlen=most_per_min + 1)
        self._value: float | None = None

    def learn(self, value: float, time_s: float) -> None:
        """Take a reading."""
        if self._value is not None and value != self._value:
            self._changes.append(time_s)
        self._value = value

    def flaps(self, time_s: float) -> bool:
        """Whether it changes too often at `time_s`."""
        return len(self._changes) > self.most_per_min and 0.0 <= time_s - self._changes[0] < 60.0


def skew_of(sent_s: float | None, now_s: float) -> float:
    """By how much a sender's clock is ahead of ours where that is too much, else 0; seconds since 1970."""
    skew_s = 0.0 if sent_s is None else sent_s - now_s
    return skew_s if abs(skew_s) > LARGEST_SKEW_S else 0.0


Status = Literal["waiting", "ok", "stale", "broken", "stuck", "flapping", "unlike"]

_PERIODS_UNTIL_STALE = 3.0


def stale_after_s(config: SensorConfig) -> float | None:
    """Seconds of silence after which a stream is stale; None for streams that speak only on change."""
    if config.stale_after_s is not None or config.period_s is None:
        return config.stale_after_s
    return _PERIODS_UNTIL_STALE * config.period_s


def stream_status(limit_s: float | None, last_s: float | None, broken: bool, time_s: float) -> Status:
    """How a stream stands at `time_s`; last_s is the time of its newest good reading.

    limit_s is its `stale_after_s`.

    A broken stream (its newest payload was not what was declared) stays broken however long it is silent.
    """
    if broken:
        return "broken"
    if last_s is None:
        return "waiting"
    return "stale" if limit_s is not None and time_s - last_s > limit_s else "ok"
