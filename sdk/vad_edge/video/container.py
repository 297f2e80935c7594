"""Whether a video file ends before its own header says it does, without decoding it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

_EBML: Final = b"\x1a\x45\xdf\xa3"
_SEGMENT: Final = b"\x18\x53\x80\x67"
_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot")


def missing_bytes(path: Path) -> int:
    """How many bytes the headers of a Matroska, MP4 or AVI file promise that it does not have; 0 for others.

    A file whose writer died promises nothing, and one that is streamed has no end to promise.
    Raises OSError where the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == _EBML:
            return max(_matroska_end(file) - size, 0)
        if head[:4] == b"RIFF" and head[8:] == b"AVI ":
            return max(_riff_end(file, size) - size, 0)
        if head[4:8] in _BOXES:
            return max(_boxes_end(file, size) - size, 0)
    return 0


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment ends (RFC 8794, section 4: variable size integers); 0 where its size is not known."""
    file.seek(4)
    header = _variable_size(file)
    if header is None:
        return 0
    file.seek(header, 1)
    if file.read(4) != _SEGMENT:
        return 0
    segment = _variable_size(file)
    return 0 if segment is None else file.tell() + segment


def _variable_size(file: BinaryIO) -> int | None:
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0xFF >> length)]) + file.read(length - 1), "big")
    unknown = (1 << 7 * length) - 1
    return None if value == unknown else value


def _riff_end(file: BinaryIO, size: int) -> int:
    """Where the last RIFF chunk ends: a long AVI has several."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or not length:
            break
        end += 8 + length + length % 2
    return end


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last box ends (ISO/IEC 14496-12, section 4.2)."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        length = int.from_bytes(file.read(4), "big")
        if length == 1:
            file.seek(4, 1)
            length = int.from_bytes(file.read(8), "big")
        if length < 8:  # the last box, up to the end of the file, or rubbish
            break
        end += length
    return end
