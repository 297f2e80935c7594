"""Raw pictures out of a NUT stream, each with its time: what ffmpeg writes with ``-f nut``.

The format is FFmpeg's (nut.txt, the NUT open container format). ffmpeg writes pictures into it without a
copy; Matroska costs it four seconds of processor time for a minute of 1080p at 25 frames a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.video.demuxer import Track

_NAME: Final = b"nut/multimedia container\0"
_N: Final = ord("N")
_MAIN, _STREAM, _SYNC = (
    b"NM\x7a\x56\x1f\x5f\x04\xad",
    b"NS\x11\x40\x5b\xf2\xf9\xdb",
    b"NK\xe4\xad\xee\xca\x45\x69",
)
_CODED_PTS, _STREAM_ID, _SIZE_MSB, _CHECKSUM = 1 << 3, 1 << 4, 1 << 5, 1 << 6
_RESERVED, _SIDE_DATA, _HEADER, _MATCH, _CODED, _INVALID = 1 << 7, 1 << 8, 1 << 10, 1 << 11, 1 << 12, 1 << 13
_LONG_HEADER: Final = 4096
_LONGEST: Final = 10
"""Bytes of a number of 64 bits."""
_LARGEST: Final = 1 << 16
"""Bytes of a header; a picture is never read as one."""


@dataclass(frozen=True, slots=True)
class _Code:
    """What a frame code stands for."""

    flags: int = _INVALID
    stream: int = 0
    multiple: int = 1
    size: int = 0
    delta: int = 0
    reserved: int = 0
    elided: int = 0


class NutDemuxer:
    """Reads pictures of a NUT stream with one video track.

    fill reads so many bytes and says whether there were as many.
    """

    def __init__(self, fill: Callable[[memoryview], bool]) -> None:
        self._fill = fill
        self._byte = bytearray(1)
        self._codes: list[_Code] = []
        self._elisions = [b""]
        self._tick_s = 0.0
        self._ticks = 0
        self._bases: list[tuple[int, int]] = []
        self._base = 0
        self._shift = 7
        self._track: Track | None = None

    def use(self, fill: Callable[[memoryview], bool]) -> None:
        """Read on by another function."""
        self._fill = fill

    def track(self) -> Track | None:
        """The header; None where the stream ends before it. Raises ValueError for what is no NUT."""
        name = self._read(len(_NAME))
        if name is None:
            return None
        if name != _NAME:
            raise ValueError("the stream is no NUT")
        while self._track is None:
            first = self._read(1)
            if first is None:
                return None
            if first[0] != _N or not self._packet():
                raise ValueError("the stream begins without its headers")
        return self._track

    def picture(self, out: NDArray[np.uint8]) -> float | None:
        """Read the next picture into `out`, contiguous; its time in seconds, None at the end.

        Raises ValueError where what comes does not fit.
        """
        while self._fill(memoryview(self._byte)):
            if self._byte[0] == _N:
                if not self._packet():
                    return None
                continue
            if not self._codes:
                raise ValueError("a frame before the headers")
            size = self._frame_head(self._codes[self._byte[0]])
            if size is None:
                return None
            if size != out.nbytes:
                raise ValueError(f"a picture has {size:,} bytes and not {out.nbytes:,}")
            return self._ticks * self._tick_s if self._fill(out.data.cast("B")) else None
        return None

    def _frame_head(self, code: _Code) -> int | None:
        """Note the time of the frame that begins; the bytes of its picture, None at the end."""
        flags = code.flags
        if flags & _CODED:
            flags ^= self._number()
        if flags & (_INVALID | _SIDE_DATA | _HEADER):
            raise ValueError(f"a frame of a kind that raw video does not have ({flags:#x})")
        if flags & _STREAM_ID:
            self._number()
        if flags & _CODED_PTS:
            coded, mask = self._number(), (1 << self._shift) - 1
            if coded <= mask:
                least = self._ticks - (mask >> 1)
                self._ticks = ((coded - least) & mask) + least
            else:
                self._ticks = coded - mask - 1
        else:
            self._ticks += code.delta
        size = code.size + (code.multiple * self._number() if flags & _SIZE_MSB else 0)
        if flags & _MATCH:
            self._number()
        for _ in range(self._number() if flags & _RESERVED else code.reserved):
            self._number()
        if flags & _CHECKSUM and self._read(4) is None:
            return None
        return size - (len(self._elisions[code.elided]) if code.elided < len(self._elisions) else 0)

    def _packet(self) -> bool:
        """Take in the packet whose first byte was read; False at the end."""
        rest = self._read(7)
        if rest is None:
            return False
        length = self._number()
        if length > _LARGEST:
            raise ValueError(f"a header of {length:,} bytes where there should be pictures")
        if length > _LONG_HEADER and self._read(4) is None:
            return False
        data = self._read(length)
        if data is None:
            return False
        try:
            self._take(b"N" + rest, _Numbers(data))
        except (IndexError, ZeroDivisionError, OverflowError) as error:
            raise ValueError("a header of the stream does not fit") from error
        return True

    def _take(self, start: bytes, packet: _Numbers) -> None:
        if start == _MAIN:
            self._take_main(packet)
        elif start == _STREAM:
            self._take_stream(packet)
        elif start == _SYNC:
            value = packet.number()
            numerator, denominator = self._bases[value % len(self._bases)]
            seconds = value // len(self._bases) * numerator / denominator
            self._ticks = round(seconds / self._tick_s)

    def _take_main(self, packet: _Numbers) -> None:
        if packet.number() > 3:
            packet.number()
        packet.number()  # streams
        packet.number()  # the largest distance between syncpoints
        self._bases = [(packet.number(), packet.number()) for _ in range(packet.number())]
        self._codes = _frame_codes(packet)
        self._elisions = [b"", *(packet.bytes() for _ in range(packet.number()))]

    def _take_stream(self, packet: _Numbers) -> None:
        packet.number()  # its id
        if packet.number() != 0:
            raise ValueError("the stream holds more than video")
        packet.bytes()  # fourcc
        self._base = packet.number()
        self._shift = packet.number()
        for _ in range(3):
            packet.number()  # distance, decode delay, flags
        packet.bytes()
        numerator, denominator = self._bases[self._base]
        self._tick_s = numerator / denominator
        self._track = Track(packet.number(), packet.number(), None)

    def _number(self) -> int:
        """A number of the format, 7 bits a byte. Raises ValueError at the end of the stream."""
        value = 0
        for _ in range(_LONGEST):
            if not self._fill(memoryview(self._byte)):
                raise ValueError("the stream ends within a header")
            value = value << 7 | self._byte[0] & 0x7F
            if not self._byte[0] & 0x80:
                return value
        raise ValueError("a number without an end")

    def _read(self, size: int) -> bytes | None:
        data = bytearray(size)
        return bytes(data) if not size or self._fill(memoryview(data)) else None


class _Numbers:
    """The numbers of a packet, one after the other. Raises ValueError behind the last one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self) -> int:
        value = 0
        while self._place < len(self._data):
            byte = self._data[self._place]
            self._place += 1
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                return value
        raise ValueError("a header is too short")

    def signed(self) -> int:
        value = self.number() + 1
        return -(value >> 1) if value & 1 else value >> 1

    def bytes(self) -> bytes:
        length = self.number()
        self._place += length
        return self._data[self._place - length : self._place]


def _frame_codes(packet: _Numbers) -> list[_Code]:
    """The 256 frame codes that a main header spells out by their differences."""
    codes: list[_Code] = []
    current = _Code(flags=0)
    while len(codes) < 256:
        flags, fields = packet.number(), packet.number()
        delta = packet.signed() if fields > 0 else current.delta
        multiple = packet.number() if fields > 1 else current.multiple
        stream = packet.number() if fields > 2 else current.stream
        size = packet.number() if fields > 3 else 0
        reserved = packet.number() if fields > 4 else 0
        count = packet.number() if fields > 5 else multiple - size
        if fields > 6:
            packet.signed()
        elided = packet.number() if fields > 7 else current.elided
        for _ in range(8, fields):
            packet.number()
        if count < 1:
            raise ValueError("a header with a run of no frame codes")
        current = _Code(flags, stream, multiple, size, delta, reserved, elided)
        for step in range(min(count, 256 - len(codes))):
            if len(codes) == _N:
                codes.append(_Code())
            codes.append(replace(current, size=size + step))
    return codes[:256]
