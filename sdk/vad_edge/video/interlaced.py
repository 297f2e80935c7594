"""Whether a stream's own headers say that its pictures are interlaced, where no ffprobe says it."""

from __future__ import annotations

import re
from typing import Final

_START: Final = re.compile(rb"\x00\x00\x01")
_SPS: Final = 7
_SEQUENCE_EXTENSION: Final = 0xB5
_WITH_CHROMA: Final = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


def says_interlaced(packet: bytes) -> bool | None:
    """What the first packet of an H.264 (Annex B) or MPEG-2 stream says; None where it says nothing of it.

    H.264 with frame_mbs_only_flag 0 (ITU-T H.264, 7.3.2.1.1) may hold half pictures; MPEG-2 without
    progressive_sequence (ISO/IEC 13818-2, 6.2.2.3) does.
    """
    for found in _START.finditer(packet):
        unit = packet[found.end() : found.end() + 256]
        if not unit:
            continue
        try:
            if unit[0] == _SEQUENCE_EXTENSION and len(unit) > 2 and unit[1] >> 4 == 1:
                return not unit[2] & 0x08
            if unit[0] & 0x80 == 0 and unit[0] & 0x1F == _SPS:
                return not _frames_only(_Bits(unit[1:].replace(b"\x00\x00\x03", b"\x00\x00")))
        except IndexError:
            continue
    return None


class _Bits:
    """The bits of a header. Raises IndexError behind the last one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def read(self, count: int = 1) -> int:
        value = 0
        for _ in range(count):
            byte = self._data[self._place >> 3]
            value = value << 1 | byte >> (7 - (self._place & 7)) & 1
            self._place += 1
        return value

    def golomb(self) -> int:
        """An unsigned exponential Golomb number (ITU-T H.264, 9.1)."""
        zeros = 0
        while not self.read():
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def signed_golomb(self) -> int:
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _frames_only(bits: _Bits) -> bool:
    """frame_mbs_only_flag of a sequence parameter set."""
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    bits.golomb()  # its number
    if profile in _WITH_CHROMA:
        chroma = bits.golomb()
        if chroma == 3:
            bits.read()
        bits.golomb()
        bits.golomb()
        bits.read()
        if bits.read():
            for number in range(12 if chroma == 3 else 8):
                if bits.read():
                    _pass_scaling_list(bits, 16 if number < 6 else 64)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.read()
        bits.golomb()
        bits.golomb()
        for _ in range(min(bits.golomb(), 255)):
            bits.golomb()
    bits.golomb()
    bits.read()
    bits.golomb()
    bits.golomb()
    return bool(bits.read())


def _pass_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb()) % 256
        last = following or last
