"""What is wrong with the device, its cameras and sensors now, and what has been counted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from vad_edge.common.secret import redacted
from vad_edge.health.conditions import Condition

_KEPT_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """A condition that began or ended.

    code says what (``source_lost``), subject whom (a camera's or stream's name), message the rest, for
    people. since is the UTC wall time this state began. params are the figures in the message, as plain
    JSON values, so that other languages can say it.
    """

    code: Condition
    subject: str
    state: Literal["raised", "cleared"]
    message: str
    since: datetime
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """The conditions that hold, oldest first, the counters by name, and how the machine is.

    device holds what `Vitals.to_dict` gives; it is empty before the first look.
    """

    conditions: tuple[HealthEvent, ...]
    counters: Mapping[str, int]
    device: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: ``ok``, ``conditions``, ``counters``, and ``device`` where it is known."""
        return {
            "ok": not self.conditions,
            "conditions": [
                {
                    "code": event.code.value,
                    "subject": event.subject,
                    "message": event.message,
                    "since": event.since.isoformat().replace("+00:00", "Z"),
                    "params": dict(event.params),
                }
                for event in self.conditions
            ],
            "counters": dict(self.counters),
            **({"device": dict(self.device)} if self.device else {}),
        }


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class HealthBoard:
    """Conditions and counters that any thread may touch.

    A condition is its code and subject: raised again it only takes up the newer message. Whoever drains
    gets each beginning and end once; the oldest are lost where a thousand of them are not drained.
    """

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._conditions: dict[tuple[Condition, str], HealthEvent] = {}
        self._counters: dict[str, int] = {}
        self._device: Mapping[str, Any] = {}
        self._news: deque[HealthEvent] = deque(maxlen=_KEPT_EVENTS)

    def raise_condition(self, code: Condition, subject: str, message: str, **params: float | str) -> None:
        """Say that something is wrong; once is enough, as often as you like."""
        message = redacted(message)
        with self._lock:
            known = self._conditions.get((code, subject))
            if known is not None:
                self._conditions[code, subject] = replace(known, message=message, params=params)
                return
            event = HealthEvent(code, subject, "raised", message, self._now(), params)
            self._conditions[code, subject] = event
            self._news.append(event)

    def clear_condition(self, code: Condition, subject: str) -> None:
        """Say that it is well again; nothing happens if it was."""
        with self._lock:
            known = self._conditions.pop((code, subject), None)
            if known is not None:
                self._news.append(replace(known, state="cleared", since=self._now()))

    def set_condition(
        self, code: Condition, subject: str, holds: bool, message: str, **params: float | str
    ) -> None:
        """Raise the condition where it holds, and clear it where it does not."""
        if holds:
            self.raise_condition(code, subject, message, **params)
        else:
            self.clear_condition(code, subject)

    def count(self, name: str, n: int = 1) -> None:
        """Add `n` to a counter."""
        with self._lock:
            self._counters[name] = self._counters.get(name, 0) + n

    def describe(self, device: Mapping[str, Any]) -> None:
        """Say how the machine itself is, in plain values for JSON."""
        with self._lock:
            self._device = device

    def snapshot(self) -> HealthSnapshot:
        """The state now."""
        with self._lock:
            return HealthSnapshot(tuple(self._conditions.values()), dict(self._counters), self._device)

    def drain(self) -> list[HealthEvent]:
        """What began or ended since the last call, in order."""
        with self._lock:
            news = list(self._news)
            self._news.clear()
            return news
