"""A sensor whose values a program pushes itself, without MQTT."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from vad_edge.config.site import SensorConfig
from vad_edge.errors import SensorError
from vad_edge.sensors.hub import PUSHED, SensorHub

KEPT: Final = 1000
"""Values pushed before the run begins are kept up to this number, the newest."""


class PushedSensor:
    """A declared stream and the way to give it values; `push` may be called from any thread.

    >>> from vad_edge import Watch
    >>> door = Watch("clip.mkv").sensor("door", kind="binary")
    >>> door.push(True)
    """

    def __init__(self, config: SensorConfig) -> None:
        if "+" in config.topic or "#" in config.topic:
            raise SensorError(
                f"its topic {config.topic!r} stands for several",
                where=f"sensor {config.name}",
                fix="push to a sensor that has one topic, or to one without",
            )
        self.config = config
        self._hub: SensorHub | None = None
        self._early: deque[tuple[bytes, float | None]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The name of the stream."""
        return self.config.name

    def push(self, value: bool | float | str | bytes, *, time_s: float | None = None) -> None:
        """Give the stream a value, as a message on its topic would; never blocks and never raises.

        A truth value is for a binary stream, a number for an analog or pulse stream, text and bytes are
        parsed as a payload. time_s is the run clock's time of the value, now where None; on a recording it
        is media time. What cannot be read is counted and shown as the condition of a broken sensor.
        """
        payload = self._payload(value)
        with self._lock:
            if self._hub is None:
                self._early.append((payload, time_s))
                return
            self._hub.accept(self.config.topic, payload, time_s)

    def bind(self, hub: SensorHub | None) -> None:
        """Give the values to this hub from now on, those that waited first; None when the run is over."""
        with self._lock:
            self._hub = hub
            if hub is not None:
                for payload, time_s in self._early:
                    hub.accept(self.config.topic, payload, time_s)
                self._early.clear()

    def _payload(self, value: bool | float | str | bytes) -> bytes:
        if isinstance(value, bytes):
            return value
        if isinstance(value, bool):
            words = self.config.on if value else self.config.off
            return words[0].encode()
        return str(value).encode()


def pushed_topic(name: str) -> str:
    """The topic of a stream that is not on MQTT: no client can publish there."""
    return f"{PUSHED}{name}"
