"""Sensor messages recorded beside a video, one JSON object a line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import topic_matches_sub

from vad_edge.errors import SensorError
from vad_edge.sensors.parse import LARGEST_PAYLOAD_BYTES, LATEST_S

_KEYS = {"t", "topic", "payload"}
_FIX = 'a line reads {"t": seconds, "topic": "...", "payload": <text, number or object>}'


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """One message; time_s is seconds since the first frame of the video it belongs to."""

    time_s: float
    topic: str
    payload: bytes


def read_recording(path: Path) -> list[RecordedMessage]:
    """The messages of a recording in the order of their times.

    Raises SensorError that names file and line if a line is not a message, or the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SensorError(f"cannot read the sensor recording: {reason}", where=str(path)) from error
    messages = [
        _parse_line(line, f"{path}:{number}")
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    return sorted(messages, key=lambda message: message.time_s)


def write_recording(path: Path, messages: Iterable[RecordedMessage]) -> None:
    """Write messages so that `read_recording` gives the same payloads back.

    Raises SensorError if a payload is not UTF-8 text.
    """
    with path.open("w", encoding="utf-8") as file:
        file.writelines(map(recorded_line, messages))


def recorded_line(message: RecordedMessage) -> str:
    """One line of a recording. Raises SensorError if the payload is not UTF-8 text."""
    line = {"t": message.time_s, "topic": message.topic, "payload": _plain(message)}
    return json.dumps(line, ensure_ascii=False) + "\n"


def envelope(message: RecordedMessage) -> bytes:
    """The payload a replay sends: the original one together with its time in the recording."""
    return json.dumps({"value": _plain(message), "media_time_s": message.time_s}, ensure_ascii=False).encode()


def _parse_line(line: str, where: str) -> RecordedMessage:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise SensorError("not a JSON object", where=where, fix=_FIX) from None
    if not isinstance(entry, dict) or entry.keys() != _KEYS:
        raise SensorError("needs exactly the keys t, topic and payload", where=where, fix=_FIX)
    time_s, topic, payload = entry["t"], entry["topic"], entry["payload"]
    if isinstance(time_s, bool) or not isinstance(time_s, (int, float)) or not 0 <= time_s <= LATEST_S:
        raise SensorError(f"t is {time_s!r}", where=where, fix="t is seconds, from 0 to a year")
    if not isinstance(topic, str) or not topic or set(topic) & set("+#\0"):
        raise SensorError(f"topic is {topic!r}", where=where, fix="a topic is text without wildcards")
    if not isinstance(payload, (str, int, float, dict)):
        raise SensorError(f"payload is {payload!r}", where=where, fix=_FIX)
    text = payload if isinstance(payload, str) else json.dumps(payload)
    try:
        topic.encode()
        return RecordedMessage(float(time_s), topic, text.encode())
    except UnicodeEncodeError:
        raise SensorError("half a surrogate pair is no text", where=where, fix=_FIX) from None


def _plain(message: RecordedMessage) -> object:
    """The payload as number or object where writing that gives the very same text, else as text."""
    try:
        text = message.payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SensorError("a recorded payload must be UTF-8 text", where=message.topic) from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    same = isinstance(value, (int, float, dict)) and json.dumps(value) == text
    return value if same and text not in ("NaN", "Infinity", "-Infinity") else text


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

    def take(
        self, begin_s: float, end_s: float, *, clip_s: float | None = None
    ) -> tuple[list[RecordedMessage], bool]:
        """The messages between two run times, as seconds from the first; older ones are forgotten.

        With them whether some were not kept since the last call, because there were too many. What each
        state had said last before is put at 0, so that doors and lights are known from the start. For a clip
        that goes on, clip_s is when it began: times are seconds from there, and nothing is put at 0.
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
            RecordedMessage(
                round(message.time_s - (begin_s if clip_s is None else clip_s), 3),
                message.topic,
                message.payload,
            )
            for message in within
        ]
        return (known if clip_s is None else []) + since, full

    def _remember(self, messages: Sequence[RecordedMessage]) -> None:
        for message in messages:
            if any(topic_matches_sub(state, message.topic) for state in self._states):
                self._newest[message.topic] = message
