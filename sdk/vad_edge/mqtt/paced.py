"""A paho client for topics that may storm: many messages at one waking, plain ones decoded cheaply."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

_MOST_AT_ONCE: Final = 1000
_PUBLISH_QOS_0: Final = 0x30
_RETAIN: Final = 0x01


class PacedClient(paho.Client):
    """Reads what is there and then rests for pace_s, in place of waking for every message.

    Waking costs as much as a small message does, and paho's decoding of MQTT 5 twice that: what comes without
    acknowledgement is decoded here and goes to `on_plain` with topic, payload and whether it had been kept.
    What we send waits for the rest to be over, so this is for a client that listens.
    """

    def __init__(self, *arguments: Any, pace_s: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pace_s = pace_s
        self.on_plain: Callable[[str, bytes, bool], None] | None = None

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read packets until there are none; called by paho's own thread."""
        for _ in range(_MOST_AT_ONCE):
            result = super().loop_read(max_packets)
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return result
            if not self._more():
                time.sleep(self._pace_s)
                break
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _more(self) -> bool:
        """Whether there is more to read at once."""
        sock = self.socket()
        if sock is None or sock.fileno() < 0:
            return False
        pending = getattr(sock, "pending", None)
        if pending is not None and pending() > 0:
            return True
        return bool(select.select([sock], [], [], 0.0)[0])

    def _packet_handle(self) -> MQTTErrorCode:
        """What paho calls with a whole packet in `_in_packet`; all but plain messages go on to it."""
        command = self._in_packet["command"]
        if command & ~_RETAIN == _PUBLISH_QOS_0 and self.on_plain is not None:
            plain = decode_plain(
                bytes(self._in_packet["packet"]), with_properties=self._protocol == MQTTProtocolVersion.MQTTv5
            )
            if plain is not None:
                self.on_plain(*plain, bool(command & _RETAIN))
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._packet_handle()


def decode_plain(packet: bytes, *, with_properties: bool) -> tuple[str, bytes] | None:
    """Topic and payload of a PUBLISH with QoS 0, behind its fixed header; None where it is not well formed.

    Properties are passed over. A topic that comes by its alias is left to others.
    """
    if len(packet) < 3:
        return None
    place = 2 + (packet[0] << 8 | packet[1])
    name = packet[2:place]
    if with_properties:
        length = shift = 0
        while True:
            if place >= len(packet) or shift > 21:
                return None
            byte = packet[place]
            place += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        place += length
    if not name or place > len(packet):
        return None
    try:
        return name.decode(), packet[place:]
    except UnicodeDecodeError:
        return None
