"""One declared stream as it stands: its newest reading, its baseline, what is left of its surprise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from vad_edge.config.site import SensorConfig
from vad_edge.health.conditions import Condition
from vad_edge.sensors.baseline import AnalogBaseline, BinaryBaseline, decayed, new_baseline
from vad_edge.sensors.faults import FlapCheck, Status, StreamFault, StuckCheck, stale_after_s, stream_status

_LEARNED_PER_HOLD = 10.0
_ORDINARY_SPREADS = 2.0


@dataclass(frozen=True, slots=True)
class StreamView:
    """A stream at one moment, for display; value is None before the first good reading."""

    name: str
    kind: Literal["binary", "analog", "pulse"]
    unit: str
    value: float | None
    status: Status
    surprise: float


class Stream:
    """The state of one stream; not thread-safe, the hub's lock guards it."""

    def __init__(self, config: SensorConfig) -> None:
        self.config = config
        self.name = config.name
        self.value: float | None = None
        self.fault = ""
        self.skew_s = 0.0
        self.rejected = 0
        self.baseline = new_baseline(config)
        self._stuck = StuckCheck() if config.kind == "analog" else None
        self._flaps = FlapCheck(config.most_changes_per_min) if config.kind == "binary" else None
        self._limit_s = stale_after_s(config)
        self._is_stuck = False
        self._last_s = -math.inf
        self._hold_s = config.hold_s
        self._pace_s = config.hold_s / _LEARNED_PER_HOLD
        self._learned_s = self._looked_s = self._farthest = -math.inf
        self._peak = 0.0
        self._peak_s = 0.0

    def take_up(self, state: Mapping[str, Any]) -> bool:
        """Go on from what was learned before; whether that was possible."""
        if (state.get("kind"), state.get("block_s")) != (self.config.kind, self.config.hold_s):
            return False
        try:
            self.baseline.restore(state)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.baseline = new_baseline(self.config)
            return False
        return True

    def accept(self, value: float, time_s: float, slot: str) -> None:
        """Take a good reading; a broken stream has recovered.

        One that is older than the newest, as when its clock was set back, is not learned from.
        """
        self.fault = ""
        self.value = value
        last_s, self._last_s = self._last_s, time_s
        if time_s < last_s:
            self._peak_s = min(self._peak_s, time_s)
            return
        if self._stuck is not None and not 0.0 <= time_s - self._looked_s < self._pace_s:
            self._looked_s = time_s
            self._stuck.learn(value)
            self._is_stuck = self._stuck.stuck
        if self._flaps is not None:
            self._flaps.learn(value, time_s)
        if self.status(time_s) not in ("ok", "unlike") or self._is_repetition(value, time_s):
            return
        surprise = self.baseline.update(value, time_s, slot)
        if surprise >= self.surprise(time_s):
            self._peak, self._peak_s = surprise, time_s

    def cut(self, ended_s: float, begin_s: float, slot: str) -> None:
        """The stream was not received from `ended_s` on; time goes on at `begin_s`, which may be earlier."""
        self.baseline.cut(ended_s, begin_s, slot, calm=self.status(ended_s) in ("ok", "unlike"))
        self._last_s = min(self._last_s, begin_s - self.config.latency_s)
        if self._flaps is not None:
            self._flaps = FlapCheck(self.config.most_changes_per_min)
        self._learned_s = self._looked_s = -math.inf
        self._peak = 0.0

    def _is_repetition(self, value: float, time_s: float) -> bool:
        """Whether a reading says nothing that one shortly before it has not said: storms are cheap so.

        An analog one that is ordinary or lies nearer to it, or a binary one that says the same. Every pulse
        counts.
        """
        baseline, apart_s = self.baseline, time_s - self._learned_s
        if isinstance(baseline, AnalogBaseline):
            distance = baseline.distance(value)
            if apart_s < self._pace_s and distance <= max(self._farthest, _ORDINARY_SPREADS):
                return True
            self._farthest = distance
        elif isinstance(baseline, BinaryBaseline):
            if apart_s < self._pace_s and value == self._farthest:
                return True
            self._farthest = value
        self._learned_s = time_s
        return False

    def reject(self, fault: str) -> None:
        """Take a payload that was not what was declared; the stream is left out until it speaks well."""
        self.fault = fault
        self.rejected += 1

    def surprise(self, time_s: float) -> float:
        """What is left at `time_s` of the stream's newest surprise."""
        return decayed(self._peak, time_s - self._peak_s, self._hold_s) if self._peak else 0.0

    def heard(self, time_s: float) -> float | None:
        """What is left of its surprise at `time_s`; None where it cannot be believed."""
        if self.status(time_s) != "ok":
            return None
        return decayed(self._peak, time_s - self._peak_s, self._hold_s) if self._peak else 0.0

    def status(self, time_s: float) -> Status:
        """Whether the stream can be believed at `time_s`."""
        last_s = None if self.value is None else self._last_s
        status = stream_status(self._limit_s, last_s, bool(self.fault), time_s)
        if status != "ok":
            return status
        if self._is_stuck:
            return "stuck"
        if self._flaps is not None and self._flaps.flaps(time_s):
            return "flapping"
        return "unlike" if self.baseline.experience.unlike else "ok"

    def state_at(self, time_s: float) -> bool | None:
        """Whether a context or gate is on; None where that cannot be known."""
        if self.value is None or self.status(time_s) != "ok":
            return None
        return self.value > 0.5

    def faults(self, time_s: float) -> list[StreamFault]:
        """What is wrong with it at `time_s`."""
        found: list[StreamFault] = []

        def say(code: Condition, text: str, **params: float | str) -> None:
            found.append(StreamFault(code, self.name, text, params))

        sensor, status = f"sensor {self.name}", self.status(time_s)
        if status == "broken":
            say(Condition.SENSOR_BROKEN, self.fault)
        elif status == "stale":
            silent_s, limit_s = time_s - self._last_s, self._limit_s or 0.0
            text = f"{sensor} has been silent for {silent_s:.0f} s, {limit_s:g} s are allowed"
            say(Condition.SENSOR_STALE, text, silent_s=silent_s, limit_s=limit_s)
        elif status == "stuck" and self._stuck is not None:
            run, value = self._stuck.run, self._stuck.value or 0.0
            text = f"{sensor} is stuck: {run} consecutive readings of {value:g}"
            say(Condition.SENSOR_STUCK, text, readings=run, value=value)
        elif status == "flapping" and self._flaps is not None:
            most = self._flaps.most_per_min
            text = f"{sensor} flaps: it changed more than {most} times within a minute"
            say(Condition.SENSOR_FLAPPING, text, most_per_min=most)
        elif status == "unlike":
            minutes = max(round(self.baseline.experience.recent_s / 60.0), 1)
            text = f"{sensor}: values that were rare are frequent in the last {minutes} min"
            say(Condition.SENSOR_UNLIKE, text, minutes=minutes)
        if self.skew_s:
            way = "behind" if self.skew_s < 0 else "ahead of"
            text = f"{sensor}: its clock is {abs(self.skew_s):.0f} s {way} ours"
            say(Condition.SENSOR_SKEWED, f"{text}; readings count when they arrive", skew_s=self.skew_s)
        return found

    def view(self, time_s: float) -> StreamView:
        """The stream as shown at `time_s`; a stream with a fault causes no surprise."""
        status = self.status(time_s)
        counts = status == "ok" and self.config.role == "evidence"
        return StreamView(
            name=self.config.name,
            kind=self.config.kind,
            unit=self.config.unit,
            value=self.value,
            status=status,
            surprise=self.surprise(time_s) if counts else 0.0,
        )


@dataclass(frozen=True, slots=True)
class SensorSurprise:
    """How unusual a stream is now, on the scale of `vad_edge.scoring.scorer.Surprise`."""

    stream: str
    surprise: float
    time_s: float


def slot_of(moment: datetime, contexts: Iterable[tuple[str, bool | None]]) -> str:
    """The slot of a moment in local time; contexts are (stream, on), None while unknown.

    >>> slot_of(datetime(2026, 1, 2, 9, 30), [("lights", True)])
    '09 lights=on'
    """
    words = {True: "on", False: "off", None: "?"}
    return " ".join([f"{moment.hour:02d}", *(f"{name}={words[on]}" for name, on in contexts)])
