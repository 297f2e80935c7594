"""What sensors say while a camera is recorded, kept for the file that is being written."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vad_edge.sensors.parse import LARGEST_PAYLOAD_BYTES
from vad_edge.sensors.recording import RecordedMessage

_MOST_MESSAGES = 1_000_000


class SensorLog:
    """Notes messages with the time they came; safe to use from several threads.

    now is the run clock. What is no text, or too large for a reading, is not kept; when there are too many,
    `full` says so and no more are.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._messages: list[RecordedMessage] = []
        self._newest: dict[str, RecordedMessage] = {}
        self._lock = threading.Lock()
        self.full = False

    def accept(self, topic: str, payload: bytes) -> None:
        """Note one message; called on the network thread, never raises."""
        if len(payload) > LARGEST_PAYLOAD_BYTES:
            return
        try:
            payload.decode("utf-8")
        except UnicodeDecodeError:
            return
        with self._lock:
            self.full = len(self._messages) >= _MOST_MESSAGES
            if not self.full:
                self._messages.append(RecordedMessage(self._now(), topic, payload))

    def take(self, begin_s: float, end_s: float) -> list[RecordedMessage]:
        """The messages between two run times, as seconds from the first; older ones are forgotten.

        What each topic had said last before is put at 0, so that doors and lights are known from the start.
        """
        with self._lock:
            before = [message for message in self._messages if message.time_s < begin_s]
            within = [message for message in self._messages if begin_s <= message.time_s < end_s]
            self._messages = [message for message in self._messages if message.time_s >= end_s]
            for message in before:
                self._newest[message.topic] = message
            known = [
                RecordedMessage(0.0, message.topic, message.payload) for message in self._newest.values()
            ]
            for message in within:
                self._newest[message.topic] = message
        return known + [
            RecordedMessage(round(message.time_s - begin_s, 3), message.topic, message.payload)
            for message in within
        ]
