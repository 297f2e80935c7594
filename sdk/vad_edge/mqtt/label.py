"""What MQTT 5 can say of a message beside its payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


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
        """For paho, which packs them anew for every message and changes nothing in them."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = self.content_type
        if self.expiry_s is not None:
            properties.MessageExpiryInterval = max(int(self.expiry_s), 1)
        if self.user:
            properties.UserProperty = list(self.user.items())
        return properties


JSON = Label("application/json")
