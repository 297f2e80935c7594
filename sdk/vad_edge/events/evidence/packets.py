"""A transport stream in packets: where a decoder may begin, and what it needs before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

PACKET = 188
_SYNC = 0x47


@dataclass(frozen=True, slots=True)
class Piece:
    """Packets that came together; key is true where the first one begins a key frame."""

    key: bool
    data: bytes


class PacketSplitter:
    """Cuts a stream of bytes at its key frames. `tables` are the packets that say what the stream holds."""

    def __init__(self) -> None:
        self._rest = b""
        self._programs = b""
        self._streams = b""
        self._map_id = -1

    @property
    def tables(self) -> bytes:
        """The newest association and map tables, to stand before a clip."""
        return self._programs + self._streams

    def feed(self, data: bytes) -> list[Piece]:
        """The whole packets there are now. Bytes before the first packet are dropped."""
        data = self._rest + data
        begin = _aligned(data)
        end = begin + (len(data) - begin) // PACKET * PACKET
        self._rest = data[end:]
        cuts = [begin]
        for place in range(begin, end, PACKET):
            packet = data[place : place + PACKET]
            self._note_table(packet)
            if _begins_key_frame(packet) and place > begin:
                cuts.append(place)
        cuts.append(end)
        return [
            Piece(_begins_key_frame(data[start : start + PACKET]), data[start:stop])
            for start, stop in pairwise(cuts)
            if stop > start
        ]

    def _note_table(self, packet: bytes) -> None:
        packet_id = (packet[1] & 0x1F) << 8 | packet[2]
        if packet_id == 0:
            self._programs = packet
            # Behind the header (4), the pointer (1) and the section's own head (8): number (2), map's id (2).
            self._map_id = (packet[15] & 0x1F) << 8 | packet[16]
        elif packet_id == self._map_id:
            self._streams = packet


def from_key_frame(pieces: Sequence[tuple[float, Piece]], start_s: float) -> list[Piece]:
    """The pieces from the last key frame at or before `start_s`; from the first one if all are later.

    Pieces come with the time they arrived. None without a key frame.
    """
    keys = [place for place, (_, piece) in enumerate(pieces) if piece.key]
    early = [place for place in keys if pieces[place][0] <= start_s]
    if not keys:
        return []
    return [piece for _, piece in pieces[early[-1] if early else keys[0] :]]


def _begins_key_frame(packet: bytes) -> bool:
    has_adaptation = len(packet) == PACKET and packet[3] & 0x20 and packet[4] > 0
    return bool(has_adaptation and packet[5] & 0x40)


def _aligned(data: bytes) -> int:
    """Where the first packet begins; the end if none does."""
    for place in range(min(PACKET, len(data))):
        if all(data[follow] == _SYNC for follow in range(place, len(data), PACKET)):
            return place
    return len(data) if len(data) >= PACKET else 0
