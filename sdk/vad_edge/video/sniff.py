"""Whether a file is a video, by its content."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vad_edge.errors import SourceError

_HEAD: Final = 4096
_PICTURES: Final = (b"GIF8", b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*")
"""What ffmpeg would take for a video of one picture, or of a few."""


def is_text(path: Path) -> bool:
    """Whether a file begins with text."""
    head = _head(path)
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) == _HEAD  # cut within a letter
    return True


def is_video(path: Path) -> bool:
    """Whether a file opens as a video of two frames at least: one is a picture, or the cover of a song."""
    head = _head(path)
    if not head or head.startswith(_PICTURES) or is_text(path):
        return False
    return _frames(path, 2) == 2


def gives_frames(path: Path) -> bool:
    """Whether a file opens as a video and its first frame decodes."""
    return _frames(path, 1) == 1


def _frames(path: Path, most: int) -> int:
    from vad_edge.video.opencv import open_file

    try:
        source = open_file(path)
    except SourceError:
        return 0
    try:
        return sum(source.read() is not None for _ in range(most))
    finally:
        source.close()


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""
