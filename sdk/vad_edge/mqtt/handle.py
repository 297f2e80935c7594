"""What became of a published message."""

from __future__ import annotations

import paho.mqtt.client as paho


class PublishHandle:
    """What became of one published message."""

    def __init__(self, info: paho.MQTTMessageInfo | None, refusals: dict[int, str]) -> None:
        self._info = info
        self._refusals = refusals

    @property
    def lost(self) -> bool:
        """True if the message was never taken in (no connection, full queue) or the broker refused it."""
        return self._info is None

    def wait(self, timeout_s: float) -> bool:
        """Whether the message has left (QoS 0) or was acknowledged (QoS 1), within `timeout_s`."""
        if self._info is None:
            return False
        try:
            if timeout_s > 0:
                self._info.wait_for_publish(timeout_s)
            arrived = self._info.is_published()
        except (RuntimeError, ValueError):
            self._info = None
            return False
        if arrived and self._info.mid in self._refusals:
            del self._refusals[self._info.mid]
            self._info = None
            return False
        return arrived
