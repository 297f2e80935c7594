"""The last seconds of something, bounded in time and bytes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Entry(Generic[Item]):
    """One thing in a ring, and when it was seen on the run clock."""

    time_s: float
    item: Item
    size: int


class Ring(Generic[Item]):
    """Keeps what is at most `seconds` older than the newest, and at most `limit` bytes; the newest always."""

    def __init__(self, seconds: float, limit: int) -> None:
        self._seconds = seconds
        self._limit = limit
        self._entries: deque[Entry[Item]] = deque()
        self.bytes = 0

    def append(self, time_s: float, item: Item, size: int) -> None:
        """Take the newest; a time that goes back means a new beginning, what was before is forgotten."""
        if self._entries and time_s < self._entries[-1].time_s:
            self._entries.clear()
            self.bytes = 0
        self._entries.append(Entry(time_s, item, size))
        self.bytes += size
        while len(self._entries) > 1 and (
            self.bytes > self._limit or time_s - self._entries[0].time_s > self._seconds
        ):
            self.bytes -= self._entries.popleft().size

    def newest(self) -> Entry[Item] | None:
        """What came last; None while the ring is empty."""
        return self._entries[-1] if self._entries else None

    def since(self, time_s: float) -> list[Entry[Item]]:
        """What is not older than `time_s`, oldest first."""
        return [entry for entry in self._entries if entry.time_s >= time_s]

    def nearest(self, time_s: float) -> Entry[Item] | None:
        """What was seen nearest to `time_s`; None while the ring is empty."""
        return min(self._entries, key=lambda entry: abs(entry.time_s - time_s), default=None)
