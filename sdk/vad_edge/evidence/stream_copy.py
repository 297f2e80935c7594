"""A second look at a network stream: its packets as they come, and the last seconds of them."""

from __future__ import annotations

import logging
import select
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vad_edge.common.secret import redacted
from vad_edge.errors import StoreError
from vad_edge.evidence.clips import copy_command, copy_script, takes_options, wrap_packets
from vad_edge.evidence.ring import Ring
from vad_edge.video.ffmpeg import last_words

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


_log = logging.getLogger(__name__)

STALL_S = 15.0
LONGEST_PAUSE_S = 60.0
LONGEST_GROUP_S = 12.0
"""The longest time between two key frames that a clip's beginning survives."""
RING_BYTES = 48 << 20
TAPE_BYTES = 192 << 20
_READ = 1 << 16


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
    """Keeps an ffmpeg that copies a stream's packets to us, and their last seconds; nothing is decoded.

    A stream that ends or is silent for fifteen seconds is opened again after growing pauses; `error` says
    why there is none now. now gives the run clock.
    """

    def __init__(self, program: str, url: str, seconds: float, now: Callable[[], float]) -> None:
        self.error: str | None = None
        self._program = program
        self._url = url
        self._now = now
        self._lock = threading.Lock()
        self._ring: Ring[Piece] = Ring(seconds + LONGEST_GROUP_S, RING_BYTES)
        self._splitter = PacketSplitter()
        self._tapes: list[PacketTape] = []
        self._options = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evidence stream", daemon=True)
        self._thread.start()

    def begin(self, start_s: float) -> PacketTape:
        """A tape of what came since `start_s`, and of what will come until it is ended."""
        with self._lock:
            kept = [(entry.time_s, entry.item) for entry in self._ring.since(float("-inf"))]
            tape = PacketTape(self._program, self._splitter.tables, from_key_frame(kept, start_s))
            self._tapes.append(tape)
            return tape

    def end(self, tape: PacketTape) -> None:
        """Nothing more goes onto the tape."""
        with self._lock:
            self._tapes.remove(tape)

    def close(self) -> None:
        """End ffmpeg."""
        self._stopping.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        self._options = takes_options(self._program)
        pause_s = 1.0
        while not self._stopping.is_set():
            began_s = self._now()
            self.error = self._copy()
            if self._stopping.is_set():
                return
            _log.warning("evidence of %s: %s", redacted(self._url), self.error)
            pause_s = 1.0 if self._now() - began_s > LONGEST_PAUSE_S else min(2 * pause_s, LONGEST_PAUSE_S)
            self._stopping.wait(pause_s)

    def _copy(self) -> str:
        """Copy until the stream ends; why it did."""
        with tempfile.TemporaryFile() as complaints:
            try:
                process = subprocess.Popen(  # noqa: S603 - a list
                    copy_command(self._program),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    bufsize=0,
                )
            except OSError as error:
                return str(error)
            with process:
                try:
                    silent = self._pump(process)
                finally:
                    process.kill()
            complaints.seek(0)
            return silent or f"the stream ended: {last_words(complaints.read())}"

    def _pump(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdin is not None  # noqa: S101 - opened with pipes
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(copy_script(self._url, options=self._options))
            process.stdin.close()
        except BrokenPipeError:
            return ""
        self._splitter = PacketSplitter()
        waited_s = 0.0
        while not self._stopping.is_set():
            if not select.select([process.stdout], [], [], 0.25)[0]:
                waited_s += 0.25
                if waited_s >= STALL_S:
                    return f"nothing came for {STALL_S:.0f} s"
                continue
            data = process.stdout.read(_READ)
            if not data:
                return ""
            waited_s, self.error = 0.0, None
            self._take(data)
        return ""

    def _take(self, data: bytes) -> None:
        with self._lock:
            for piece in self._splitter.feed(data):
                self._ring.append(self._now(), piece, len(piece.data))
                for tape in self._tapes:
                    tape.add(self._splitter.tables, piece)
