"""The system's ffmpeg, which copies video without decoding it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from vad_edge.errors import StoreError
from vad_edge.video.source import redacted

PROGRAM = "ffmpeg"
_COPY_S = 30.0
_VERSION = re.compile(r"version n?(\d+)\.")
_QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")
# Neither sound nor what the camera wrote about itself is evidence that was asked for.
_VIDEO_ALONE = ("-map", "0:v:0", "-c", "copy", "-map_metadata", "-1")
_PROTOCOLS = "pipe,file,rtsp,rtsps,rtp,udp,tcp,tls,http,https,crypto"


def find_ffmpeg() -> str | None:
    """Where ffmpeg lies; None where it is not installed."""
    return shutil.which(PROGRAM)


def cut_recording(program: str, source: Path, start_s: float, end_s: float, target: Path) -> None:
    """Copy the packets between two media times into an MP4; it begins with the key frame before start_s.

    Raises StoreError with ffmpeg's last words.
    """
    times = ("-ss", f"{max(start_s, 0.0):.3f}", "-t", f"{end_s - max(start_s, 0.0):.3f}")
    _run([program, *_QUIET, *times, "-i", f"file:{source}", *_VIDEO_ALONE, *_mp4(target)], b"")


def wrap_packets(program: str, packets: bytes, target: Path) -> None:
    """Put an MPEG transport stream that begins with a key frame into an MP4. Raises StoreError."""
    _run([program, *_QUIET[1:], "-f", "mpegts", "-i", "pipe:0", *_VIDEO_ALONE, *_mp4(target)], packets)


def tap_command(program: str) -> list[str]:
    """The command that reads a stream's address from its standard input and writes transport stream packets.

    The address is never an argument: it may hold a password, and arguments are there for all to see.
    """
    stream = ("-f", "concat", "-safe", "0", "-protocol_whitelist", _PROTOCOLS)
    output = ("-f", "mpegts", "-flush_packets", "1", "pipe:1")
    probing = ("-analyzeduration", "2000000")
    return [program, *_QUIET[1:], *stream, *probing, "-i", "pipe:0", *_VIDEO_ALONE, *output]


def tap_script(url: str, *, options: bool) -> bytes:
    """What goes into that standard input; options says whether this ffmpeg `takes_options` there.

    >>> tap_script("rtsp://camera/it's", options=True).decode()
    "ffconcat version 1.0\\nfile 'rtsp://camera/it'\\\\''s'\\noption rtsp_transport tcp\\n"
    """
    quoted = url.replace("'", "'\\''")
    script = f"ffconcat version 1.0\nfile '{quoted}'\n"
    if options and url.startswith("rtsp"):
        # As OpenCV has it. An older ffmpeg tries UDP first, and TCP where the camera refuses that.
        script += "option rtsp_transport tcp\n"
    return script.encode()


def takes_options(program: str) -> bool:
    """Whether this ffmpeg is of version 5 or newer, whose scripts may set options."""
    try:
        told = subprocess.run(  # noqa: S603 - a list
            [program, "-version"], capture_output=True, timeout=_COPY_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return is_five_or_newer(told.stdout.decode(errors="replace"))


def is_five_or_newer(told: str) -> bool:
    """What ``ffmpeg -version`` says of its age; a build without a number is taken for new.

    >>> [is_five_or_newer(f"ffmpeg version {name}") for name in ("4.4.2-0ubuntu", "n6.1", "N-1234-g0")]
    [False, True, True]
    """
    found = _VERSION.search(told)
    return found is None or int(found[1]) >= 5


def last_words(complaints: bytes) -> str:
    """The last line that was written on standard error, without a password."""
    lines = complaints.decode(errors="replace").strip().splitlines()
    return redacted(lines[-1]) if lines else "it said nothing"


def _mp4(target: Path) -> tuple[str, ...]:
    return ("-movflags", "+faststart", "-f", "mp4", "-y", str(target))


def _run(command: list[str], given: bytes) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - a list
            command, input=given, capture_output=True, timeout=_COPY_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreError(f"ffmpeg could not copy a clip: {error}") from error
    if done.returncode:
        raise StoreError(f"ffmpeg could not copy a clip: {last_words(done.stderr)}")
