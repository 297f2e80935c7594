"""Raw pictures out of a stream of Matroska, each with its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SEGMENT, _CLUSTER, _TRACKS, _TRACK, _VIDEO = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xE0
_GROUP: Final = 0xA0
_OPENED: Final = {_SEGMENT, _CLUSTER, _TRACKS, _TRACK, _VIDEO, _GROUP}
"""Elements that hold others we look for."""
_TICK, _WIDTH, _HEIGHT, _FRAME_NS = 0x2AD7B1, 0xB0, 0xBA, 0x23E383
_INFO: Final = 0x1549A966
_CLUSTER_TICKS, _SIMPLE_BLOCK, _BLOCK = 0xE7, 0xA3, 0xA1
_LARGEST: Final = 1 << 16
"""Bytes of an element that is read whole: all of ours are numbers."""


@dataclass(frozen=True, slots=True)
class Track:
    """What the header says of the pictures; frame_s is a frame's duration, None where it is not constant."""

    width: int
    height: int
    frame_s: float | None


class MatroskaDemuxer:
    """Reads what GStreamer's ``matroskamux`` makes of raw pictures.

    fill reads so many bytes and says whether there were as many.
    """

    def __init__(self, fill: Callable[[memoryview], bool]) -> None:
        self._fill = fill
        self._numbers: dict[int, int] = {_TICK: 1_000_000}
        self._cluster_ticks = 0

    def track(self) -> Track | None:
        """The header; None where the stream ends before it. Raises ValueError for what is no Matroska."""
        while (element := self._next()) is not None:
            if element[0] == _CLUSTER:
                break
        else:
            return None
        frame_ns = self._numbers.get(_FRAME_NS)
        width, height = self._numbers.get(_WIDTH, 0), self._numbers.get(_HEIGHT, 0)
        if not width or not height:
            raise ValueError("the stream does not say how large its pictures are")
        return Track(width, height, frame_ns / 1e9 if frame_ns else None)

    def picture(self, out: NDArray[np.uint8]) -> float | None:
        """Read the next picture into `out`, contiguous; its time in seconds, None at the end.

        Raises ValueError where what comes does not fit.
        """
        while (element := self._next()) is not None:
            name, size = element
            if name not in (_SIMPLE_BLOCK, _BLOCK):
                continue
            head = self._read(4)
            if head is None:
                return None
            if size != 4 + out.nbytes:
                raise ValueError(f"a picture has {size - 4:,} bytes and not {out.nbytes:,}")
            ticks = self._cluster_ticks + int.from_bytes(head[1:3], "big", signed=True)
            if not self._fill(out.data.cast("B")):
                return None
            return ticks * self._numbers[_TICK] / 1e9
        return None

    def _next(self) -> tuple[int, int] | None:
        """The next element that was opened, or is a block; numbers are noted, all others passed over."""
        while True:
            name = self._vint(keep_marker=True)
            size = self._vint(keep_marker=False)
            if name is None or size is None:
                return None
            if name in (_SIMPLE_BLOCK, _BLOCK) or name in _OPENED or name == _INFO:
                return name, size
            if size > _LARGEST:
                raise ValueError(f"an element of {size:,} bytes where there should be pictures")
            data = self._read(size)
            if data is None:
                return None
            self._numbers[name] = int.from_bytes(data[:8], "big")
            if name == _CLUSTER_TICKS:
                self._cluster_ticks = self._numbers[name]

    def _vint(self, *, keep_marker: bool) -> int | None:
        """A variable size integer (RFC 8794, section 4)."""
        first = self._read(1)
        if first is None:
            return None
        if not first[0]:
            raise ValueError("the stream is no Matroska")
        length = 9 - first[0].bit_length()
        rest = self._read(length - 1)
        if rest is None:
            return None
        head = first[0] if keep_marker else first[0] & (0xFF >> length)
        return int.from_bytes(bytes([head]) + rest, "big")

    def _read(self, size: int) -> bytes | None:
        data = bytearray(size)
        return bytes(data) if not size or self._fill(memoryview(data)) else None
