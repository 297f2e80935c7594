"""The packets of a network stream as they come, and the last seconds of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vad_edge.errors import StoreError
from vad_edge.evidence.clips import wrap_packets
from vad_edge.evidence.ring import Ring
from vad_edge.video.stream_options import PacketTap

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


STALL_S = 15.0
LONGEST_GROUP_S = 12.0
"""The longest time between two key frames that a clip's beginning survives."""
RING_BYTES = 48 << 20
TAPE_BYTES = 192 << 20


class PacketTape:
    """The packets of one incident, from the key frame before its beginning on."""

    suffix = ".mp4"

    def __init__(self, program: str, tables: bytes, pieces: list[Piece]) -> None:
        self._program = program
        self._parts = [tables, *(piece.data for piece in pieces)]
        self._size = sum(map(len, self._parts))
        self._begun = bool(pieces)

    def add(self, tables: bytes, piece: Piece) -> None:
        """Take what came; a tape that has not begun waits for a key frame."""
        if self._size + len(piece.data) > TAPE_BYTES or not (self._begun or piece.key):
            return
        if not self._begun:
            self._begun, self._parts = True, [tables]
        self._parts.append(piece.data)
        self._size += len(piece.data)

    def write(self, path: Path, end_s: float, deadline_s: float) -> None:
        """Write the clip. Raises StoreError where no packet came or ffmpeg fails."""
        if not self._begun:
            raise StoreError("the stream gave no key frame while the incident went on")
        wrap_packets(self._program, b"".join(self._parts), path)


class StreamCopy:
    """Keeps the last seconds of the packets that a stream's source hands on; nothing is decoded.

    They come by tap; program is the ffmpeg that makes clips of them. `error` says why there are none. now
    gives the run clock.
    """

    def __init__(self, program: str, tap: PacketTap, seconds: float, now: Callable[[], float]) -> None:
        self.program = program
        self.tap = tap
        self._now = now
        self._began_s = now()
        self._lock = threading.Lock()
        self._ring: Ring[Piece] = Ring(seconds + LONGEST_GROUP_S, RING_BYTES)
        self._splitter = PacketSplitter()
        self.tapes: list[PacketTape] = []
        tap.add(self._take)

    @property
    def error(self) -> str | None:
        """Why no packets come though the camera is there; None while they may."""
        silent = not self.tap.taken and self._now() - self._began_s > STALL_S
        return "its stream hands on no packets" if silent else None

    def begin(self, start_s: float) -> PacketTape:
        """A tape of what came since `start_s`, and of what will come until it is ended."""
        with self._lock:
            kept = [(entry.time_s, entry.item) for entry in self._ring.since(float("-inf"))]
            tape = PacketTape(self.program, self._splitter.tables, from_key_frame(kept, start_s))
            self.tapes.append(tape)
            return tape

    def end(self, tape: PacketTape) -> None:
        """Nothing more goes onto the tape."""
        with self._lock:
            self.tapes.remove(tape)

    def close(self) -> None:
        """Take no more packets."""
        self.tap.remove(self._take)

    def _take(self, data: bytes) -> None:
        with self._lock:
            for piece in self._splitter.feed(data):
                self._ring.append(self._now(), piece, len(piece.data))
                for tape in self.tapes:
                    tape.add(self._splitter.tables, piece)
