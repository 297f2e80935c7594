"""A paho client for topics that may storm: all there is read at once, plain messages decoded cheaply."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

_AT_ONCE_BYTES: Final = 65_536
_MOST_READS: Final = 16
_PUBLISH_QOS_0: Final = 0x30
_RETAIN: Final = 0x01
_LONGEST_LENGTH: Final = 4


class PacedClient(paho.Client):
    """Reads what is there and then rests for pace_s, in place of waking for every message.

    paho alone takes three system calls for each message, and builds a table of MQTT 5's properties. Here
    everything is read at once: what comes without acknowledgement goes to `on_plain` with topic, payload and
    whether it had been kept, all else to paho, packet by packet, through the one method by which paho reads
    its socket. What is sent from elsewhere waits for the rest to be over: this is for a client that listens.
    """

    def __init__(
        self,
        callbacks: CallbackAPIVersion,
        *,
        pace_s: float,
        protocol: MQTTProtocolVersion,
        **options: Any,
    ) -> None:
        super().__init__(callbacks, protocol=protocol, **options)
        self._pace_s = pace_s
        self._with_properties = protocol == MQTTProtocolVersion.MQTTv5
        self._ahead = bytearray()
        self._wanted = 0
        self._handed = b""
        self._lost: OSError | None = None
        self._over = False
        self.on_plain: Callable[[str, bytes, bool], None] | None = None

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read until there is nothing more; called by paho's own thread."""
        told = False
        for _ in range(_MOST_READS):
            if not self._read_ahead():
                # A broker sends no more than some messages before they are acknowledged.
                time.sleep(0.0 if self.want_write() else self._pace_s)
                break
            result = self._deal(told=told)
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return result
            told = True
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _read_ahead(self) -> bool:
        """Read what has come; False if nothing has. That the connection is over is for paho to find."""
        try:
            came = super()._sock_recv(_AT_ONCE_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            self._lost = error
            came = b""
        self._over = not came
        self._ahead += came
        return True

    def _deal(self, *, told: bool) -> MQTTErrorCode:
        """Deal with every whole packet that was read.

        Of each waking, paho is told of the first one, whatever it is: by that it knows that the broker lives.
        """
        if self._over:
            return super().loop_read()
        ahead, place = self._ahead, 0
        if len(ahead) < self._wanted:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        while (found := packet_at(ahead, place)) is not None:
            begin, end = found
            if end > len(ahead):
                break
            if not (told and self._is_plain(ahead[place], bytes(ahead[begin:end]))):
                told, self._handed = True, bytes(ahead[place:end])
                result = super().loop_read()
                if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    return result
            place = end
        self._wanted = 0 if found is None else found[1] - place
        del ahead[:place]
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _is_plain(self, command: int, packet: bytes) -> bool:
        """Whether a packet was a plain message, which has been handed on then."""
        if command & ~_RETAIN != _PUBLISH_QOS_0 or self.on_plain is None:
            return False
        plain = decode_plain(packet, with_properties=self._with_properties)
        if plain is None:
            return False
        self.on_plain(*plain, bool(command & _RETAIN))
        return True

    def _sock_recv(self, bufsize: int) -> bytes:
        """Where paho reads: the packet that it is handed, and the end of the connection."""
        if self._handed:
            given, self._handed = self._handed[:bufsize], self._handed[bufsize:]
            return given
        if self._lost is not None:
            raise self._lost
        if self._over:
            return b""
        raise BlockingIOError


def packet_at(ahead: bytes | bytearray, place: int) -> tuple[int, int] | None:
    """Where the packet whose first byte is at `place` begins behind its fixed header, and where it ends.

    None while the header is not whole. A length that no packet has ends with its header: paho shall see it.
    """
    length = shift = 0
    for begin in range(place + 1, place + 1 + _LONGEST_LENGTH):
        if begin >= len(ahead):
            return None
        byte = ahead[begin]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return begin + 1, begin + 1 + length
        shift += 7
    end = place + 2 + _LONGEST_LENGTH
    return (end, end) if end <= len(ahead) else None


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
