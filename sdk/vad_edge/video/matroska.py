"""A small Matroska muxer: one video track whose every picture carries its own time."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final, Literal

TICK_S: Final = 1e-4
CLUSTER_S: Final = 1.0

_UNKNOWN: Final = b"\x01" + b"\xff" * 7
_SEGMENT: Final = b"\x18\x53\x80\x67"
_CLUSTER: Final = b"\x1f\x43\xb6\x75"
_EPOCH: Final = datetime(2001, 1, 1, tzinfo=timezone.utc)
_CODECS: Final = {"mjpeg": b"V_MJPEG", "i420": b"V_UNCOMPRESSED"}

Coding = Literal["mjpeg", "i420"]
"""JPEG pictures, or raw planes of YUV 4:2:0."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that are known only at the end, and where in the file they belong."""

    offset: int
    data: bytes


class Muxer:
    """Gives every piece of a file to `put`, in order; a file is of use after any piece.

    size is (width, height). Times are seconds from the first picture, and rise by at least `TICK_S`. gap_s is
    how far apart pictures are expected, and how long the last one is shown. The true figure and the duration
    and sizes are not known before the end: `patches` gives them, for a file that can be changed.
    """

    def __init__(
        self,
        put: Callable[[bytes], object],
        coding: Coding,
        size: tuple[int, int],
        *,
        gap_s: float = 0.04,
        began: datetime | None = None,
    ) -> None:
        self._put = put
        self._gap_s = gap_s
        head, self._duration_at, self._frame_at = _head(coding, size, gap_s, began)
        self._clusters: list[tuple[int, int]] = []
        self._segment_at = len(_ebml()) + len(_SEGMENT)
        self._last_ticks = -1
        self.frames = 0
        put(head)
        self._length = len(head)

    def add(self, picture: bytes, time_s: float) -> None:
        """Append one picture; raises what `put` raises, and then it is not counted."""
        ticks = max(round(time_s / TICK_S), self._last_ticks + 1)
        base = self._clusters[-1][1] if self._clusters else -math.inf
        begins = ticks - base >= CLUSTER_S / TICK_S
        head = _CLUSTER + _UNKNOWN + _number(b"\xe7", ticks) if begins else b""
        block = b"\x81" + struct.pack(">h", 0 if begins else int(ticks - base)) + b"\x80"
        piece = head + b"\xa3" + _size(len(block) + len(picture)) + block + picture
        self._put(piece)
        if begins:
            self._clusters.append((self._length + len(_CLUSTER), ticks))
        self._length += len(piece)
        self._last_ticks = ticks
        self.frames += 1

    def patches(self) -> list[Patch]:
        """What to change in a whole file, so that its duration, rate and sizes are known."""
        if not self.frames:
            return []
        frame_s = self._last_ticks * TICK_S / (self.frames - 1) if self.frames > 1 else self._gap_s
        duration = self._last_ticks + frame_s / TICK_S
        begun = [offset for offset, _ in self._clusters]
        ends = [offset - len(_CLUSTER) for offset in begun[1:]] + [self._length]
        sizes = zip([self._segment_at, *begun], [self._length, *ends], strict=True)
        return [
            *(Patch(offset, ((1 << 56) | (end - offset - 8)).to_bytes(8, "big")) for offset, end in sizes),
            Patch(self._duration_at, struct.pack(">d", duration)),
            Patch(self._frame_at, round(frame_s * 1e9).to_bytes(8, "big")),
        ]


def _head(
    coding: Coding, size: tuple[int, int], gap_s: float, began: datetime | None
) -> tuple[bytes, int, int]:
    """All that comes before the first picture, and where the duration and a frame's duration stand."""
    duration = _element(b"\x44\x89", bytes(8))
    since = b"" if began is None else _element(b"\x44\x61", _nanoseconds(began))
    app = _element(b"\x4d\x80", b"vad-edge") + _element(b"\x57\x41", b"vad-edge")
    # The duration goes first, so that its place does not depend on what follows.
    info = _element(
        b"\x15\x49\xa9\x66", duration + _number(b"\x2a\xd7\xb1", round(TICK_S * 1e9)) + app + since
    )
    frame = _element(b"\x23\xe3\x83", round(gap_s * 1e9).to_bytes(8, "big"))
    fourcc = _element(b"\x2e\xb5\x24", b"I420") if coding == "i420" else b""
    video = _element(b"\xe0", _number(b"\xb0", size[0]) + _number(b"\xba", size[1]) + fourcc)
    names = _number(b"\xd7", 1) + _number(b"\x73\xc5", 1) + _number(b"\x83", 1) + _number(b"\x9c", 0)
    entry = _element(b"\xae", frame + names + _element(b"\x86", _CODECS[coding]) + video)
    tracks = _element(b"\x16\x54\xae\x6b", entry)
    before = _ebml() + _SEGMENT + _UNKNOWN
    duration_at = len(before) + info.index(duration) + 3
    frame_at = len(before) + len(info) + tracks.index(frame) + 4
    return before + info + tracks, duration_at, frame_at


def _ebml() -> bytes:
    return _element(
        b"\x1a\x45\xdf\xa3",
        _element(b"\x42\x82", b"matroska") + _number(b"\x42\x87", 4) + _number(b"\x42\x85", 2),
    )


def _nanoseconds(moment: datetime) -> bytes:
    since = moment.astimezone(timezone.utc) - _EPOCH
    return (((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000).to_bytes(
        8, "big", signed=True
    )


def _element(name: bytes, data: bytes) -> bytes:
    return name + _size(len(data)) + data


def _number(name: bytes, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _size(length: int) -> bytes:
    """A length as EBML has it: as many leading zero bits as bytes follow the first."""
    width = next(width for width in range(1, 9) if length < (1 << 7 * width) - 1)
    return ((1 << 7 * width) | length).to_bytes(width, "big")
