"""What became of a published message."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


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


@dataclass(frozen=True)
class Label:
    """What MQTT 5 can say of a message beside its payload; 3.1.1 leaves it out.

    expiry_s is how long the broker may keep the message for someone who is away, None for ever. user are
    the user properties.
    """

    content_type: str
    expiry_s: float | None = None
    user: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def properties(self) -> Properties:
        """For paho, which packs them again for every message and changes nothing in them."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = self.content_type
        if self.expiry_s is not None:
            properties.MessageExpiryInterval = max(int(self.expiry_s), 1)
        if self.user:
            properties.UserProperty = list(self.user.items())
        return properties


JSON = Label("application/json")


def json_value(payload: bytes) -> Any:
    """What the JSON in a message says; None where it is none, as for ``null``."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def json_object(payload: bytes) -> dict[str, Any] | None:
    """The JSON object in a message; None for anything else."""
    found = json_value(payload)
    return found if isinstance(found, dict) else None
