"""What sensors say while a camera is recorded, kept for the file that is being written."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vad_edge.sensors.parse import LARGEST_PAYLOAD_BYTES
from vad_edge.sensors.recording import RecordedMessage

_MOST_MESSAGES = 1_000_000


class SensorLog:
    """Notes messages with the time they came; safe to use from several threads.

    now is the run clock. What is no text, or too large for a reading, is not kept; nor is what comes when
    there are too many.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._messages: list[RecordedMessage] = []
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
            if len(self._messages) >= _MOST_MESSAGES:
                self._full = True
            else:
                self._messages.append(RecordedMessage(self._now(), topic, payload))

    def take(self, begin_s: float, end_s: float) -> tuple[list[RecordedMessage], bool]:
        """The messages between two run times, as seconds from the first; older ones are forgotten.

        With them whether some were not kept since the last call, because there were too many. What each
        topic had said last before is put at 0, so that doors and lights are known from the start.
        """
        with self._lock:
            full, self._full = self._full, False
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
        since = [
            RecordedMessage(round(message.time_s - begin_s, 3), message.topic, message.payload)
            for message in within
        ]
        return known + since, full
