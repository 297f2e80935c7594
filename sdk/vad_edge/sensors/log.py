"""What sensors say while a camera is recorded, kept for the file that is being written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence

from vad_edge.sensors.matching import topic_matches
from vad_edge.sensors.parse import LARGEST_PAYLOAD_BYTES
from vad_edge.sensors.recording import RecordedMessage

_MOST_MESSAGES = 1_000_000
_MOST_BYTES = 64_000_000
"""Of topics and payloads, so that large ones cannot fill the memory of a board."""


class SensorLog:
    """Notes messages with the time they came; safe to use from several threads.

    now is the run clock. states are the topic filters of streams that are on or off: what they said last
    still holds when a file begins, a number or a pulse does not. What is no text, or too large for a
    reading, is not kept; nor is what comes when there are too many.
    """

    def __init__(self, now: Callable[[], float], states: Collection[str] = ()) -> None:
        self._now = now
        self._states = frozenset(states)
        self._messages: list[RecordedMessage] = []
        self._bytes = 0
        self._newest: dict[str, RecordedMessage] = {}
        self._lock = threading.Lock()
        self._full = False

    def accept(self, topic: str, payload: bytes) -> None:
        """Note one message; called on the network thread, never raises."""
        if len(payload) > LARGEST_PAYLOAD_BYTES:
            return
        try:
            payload.decode("utf-8")
        except UnicodeDecodeError:
            return
        with self._lock:
            size = len(topic) + len(payload)
            if len(self._messages) >= _MOST_MESSAGES or self._bytes + size > _MOST_BYTES:
                self._full = True
            else:
                self._bytes += size
                self._messages.append(RecordedMessage(self._now(), topic, payload))

    def take(self, begin_s: float, end_s: float) -> tuple[list[RecordedMessage], bool]:
        """The messages between two run times, as seconds from the first; older ones are forgotten.

        With them whether some were not kept since the last call, because there were too many. What each
        state had said last before is put at 0, so that doors and lights are known from the start.
        """
        with self._lock:
            full, self._full = self._full, False
            before = [message for message in self._messages if message.time_s < begin_s]
            within = [message for message in self._messages if begin_s <= message.time_s < end_s]
            self._messages = [message for message in self._messages if message.time_s >= end_s]
            self._bytes = sum(len(message.topic) + len(message.payload) for message in self._messages)
            self._remember(before)
            known = [
                RecordedMessage(0.0, message.topic, message.payload) for message in self._newest.values()
            ]
            self._remember(within)
        since = [
            RecordedMessage(round(message.time_s - begin_s, 3), message.topic, message.payload)
            for message in within
        ]
        return known + since, full

    def _remember(self, messages: Sequence[RecordedMessage]) -> None:
        for message in messages:
            if any(topic_matches(state, message.topic) for state in self._states):
                self._newest[message.topic] = message
