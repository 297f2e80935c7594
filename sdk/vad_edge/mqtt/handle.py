"""What became of a published message."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode


class PublishHandle:
    """What became of one published message; it knows no more once its connection has ended."""

    def __init__(
        self,
        info: paho.MQTTMessageInfo | None = None,
        refusals: Mapping[int, str] | None = None,
        ended: threading.Event | None = None,
    ) -> None:
        taken = info is not None and info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        self._info = info if taken else None
        self._refusals = {} if refusals is None else refusals
        self._ended = ended

    @property
    def lost(self) -> bool:
        """True if it was never taken in, or its connection ended before the acknowledgement came."""
        if self._info is None:
            return True
        # The order matters: what is acknowledged stays so when the connection ends.
        over = self._ended is not None and self._ended.is_set()
        return over and not self._info.is_published()

    @property
    def refusal(self) -> str:
        """Why the broker did not want it, such as ``Not authorized``; only MQTT 5 has it say so."""
        return "" if self._info is None else self._refusals.get(self._info.mid, "")

    def wait(self, timeout_s: float) -> bool:
        """Whether the message has left (QoS 0) or was accepted (QoS 1), within `timeout_s`."""
        if self._info is None:
            return False
        try:
            if timeout_s > 0 and not self.lost:
                self._info.wait_for_publish(timeout_s)
            return self._info.is_published() and not self.refusal
        except (RuntimeError, ValueError):
            return False
