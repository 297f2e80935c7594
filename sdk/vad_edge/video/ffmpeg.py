"""The system's ffmpeg: where it is, what it said last, and which H.264 encoder of it works."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vad_edge.common.secret import redacted

PROGRAM: Final = "ffmpeg"
QUIET: Final = ("-hide_banner", "-loglevel", "error")
_TRY_S: Final = 20.0

_ENCODERS: Final = {
    "h264_nvmpi": ("-b:v", "4M"),
    "h264_v4l2m2m": ("-b:v", "4M"),
    "libx264": ("-preset", "veryfast", "-tune", "zerolatency", "-crf", "23"),
    "libopenh264": ("-b:v", "4M"),
}
"""The boards' own first, which cost no processor time. Those two were never run on hardware here."""
_TRUE_TIMES: Final = (("-fps_mode", "vfr"), ("-vsync", "vfr"))
"""How ffmpeg is asked to keep the times of pictures: since 5.1, and before."""


@dataclass(frozen=True, slots=True)
class H264:
    """An encoder that works here: its program, and the options between input and output."""

    program: str
    name: str
    options: tuple[str, ...]


def find_ffmpeg() -> str | None:
    """Where ffmpeg lies; None where it is not installed."""
    return shutil.which(PROGRAM)


def last_words(complaints: bytes) -> str:
    """The last line that was written on standard error, without a password."""
    lines = complaints.decode(errors="replace").strip().splitlines()
    return redacted(lines[-1]) if lines else "it said nothing"


def h264_encoder() -> H264 | None:
    """The first H.264 encoder that encodes a few pictures here; None where there is no ffmpeg with one."""
    program = find_ffmpeg()
    return None if program is None else _working(program)


@functools.cache
def _working(program: str) -> H264 | None:
    offered = _answer([program, *QUIET, "-encoders"])
    for name, options in _ENCODERS.items():
        if offered is None or f" {name} ".encode() not in offered:
            continue
        for times in _TRUE_TIMES:
            encoder = H264(program, name, (*times, "-c:v", name, *options, "-pix_fmt", "yuv420p"))
            if _encodes(encoder):
                return encoder
    return None


def _encodes(encoder: H264) -> bool:
    picture = ("-f", "lavfi", "-i", "color=size=320x240:duration=0.2")
    return _answer([encoder.program, *QUIET, *picture, *encoder.options, "-f", "null", "-"]) is not None


def _answer(command: Sequence[str]) -> bytes | None:
    """What a command writes on standard output; None where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - a list
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRY_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout
