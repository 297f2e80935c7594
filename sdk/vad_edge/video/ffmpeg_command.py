"""The command that makes the system's ffmpeg decode a stream or file for us."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path
from typing import Final, Literal

from vad_edge.video.stream_options import Decode, StreamOptions

_ANSWER_S: Final = 20.0
_VERSION: Final = re.compile(r"version n?(\d+)\.(\d+)")
_PROTOCOLS: Final = "pipe,file,rtsp,rtsps,rtmp,rtmps,rtp,srt,udp,tcp,tls,http,https,httpproxy,crypto"
_QUIET: Final = ("-hide_banner", "-nostats", "-loglevel", "level+info")
Pixels = Literal["bgr24", "yuv420p"]
"""What OpenCV decodes to, to the bit; or planes of half the bytes, in even sizes, for half the cost."""

_HARDWARE: Final[dict[Decode, tuple[tuple[str, ...], ...]]] = {
    "nvdec": (("-hwaccel", "cuda"),),
    "v4l2": (("-c:v", "h264_v4l2m2m"), ("-c:v", "hevc_v4l2m2m")),
    "vaapi": (("-hwaccel", "vaapi"),),
}
"""The decoders of boards and graphics cards. None of them was ever run on hardware here."""


def decoders(decode: Decode) -> tuple[tuple[str, ...], ...]:
    """The ways to decode that are tried one after the other; the last one is the processor."""
    return (*_HARDWARE.get(decode, ()), ())


def stream_input(options: StreamOptions) -> tuple[str, ...]:
    """How ffmpeg is told to read a stream's address from its standard input.

    The address is never an argument: it may hold a password, and arguments are there for all to see.
    """
    quick = ("-fflags", "nobuffer", "-flags", "low_delay") if options.low_latency else ()
    probing = ("-analyzeduration", "2000000")
    return (*quick, "-f", "concat", "-safe", "0", "-protocol_whitelist", _PROTOCOLS, *probing, "-i", "pipe:0")


def stream_script(url: str, options: StreamOptions, *, settable: bool) -> bytes:
    """What goes into that standard input; settable says whether this ffmpeg `sets_options` there.

    >>> stream_script("rtsp://camera/it's", StreamOptions(), settable=True).decode()
    "ffconcat version 1.0\\nfile 'rtsp://camera/it'\\\\''s'\\noption rtsp_transport tcp\\n"
    """
    quoted = url.replace("'", "'\\''")
    script = f"ffconcat version 1.0\nfile '{quoted}'\n"
    if settable and url.startswith("rtsp"):
        # An older ffmpeg tries UDP first, and TCP where the camera refuses that.
        script += f"option rtsp_transport {options.transport}\n"
    return script.encode()


def file_input(path: Path) -> tuple[str, ...]:
    """How ffmpeg is told to read a file, whatever its name looks like."""
    return ("-nostdin", "-i", f"file:{path.absolute()}")


def decode_command(
    program: str,
    given: tuple[str, ...],
    options: StreamOptions,
    *,
    decoder: tuple[str, ...] = (),
    pixels: Pixels = "bgr24",
    packets_to: int | None = None,
) -> list[str]:
    """Raw pictures with their times to standard output, and a stream's packets to the pipe packets_to."""
    filters = []
    if not options.low_latency:
        filters.append("yadif=deint=interlaced")
    if options.width is not None:
        filters.append(f"scale='min({options.width},iw)':-2:flags=area")
    if pixels == "yuv420p":
        filters.append("crop=trunc(iw/2)*2:trunc(ih/2)*2")
    shown = ("-vf", ",".join(filters)) if filters else ()
    raw = ("-c:v", "rawvideo", "-pix_fmt", pixels, "-f", "nut", "-flush_packets", "1", "pipe:1")
    copied = () if packets_to is None else _packets(packets_to)
    return [program, *_QUIET, *decoder, *given, "-map", "0:v:0", *keep_times(program), *shown, *raw, *copied]


def copy_command(program: str, options: StreamOptions) -> list[str]:
    """The packets of a stream to standard output, and nothing decoded."""
    return [program, *_QUIET, *stream_input(options), *_packets(1)]


def _packets(pipe: int) -> tuple[str, ...]:
    # Neither sound nor what the camera wrote about itself is evidence that was asked for.
    stream = ("-f", "mpegts", "-flush_packets", "1", f"pipe:{pipe}")
    return ("-map", "0:v:0", "-c", "copy", "-map_metadata", "-1", *stream)


def keep_times(program: str) -> tuple[str, str]:
    """How this ffmpeg is asked to pass every picture on with its own time: since 5.1, and before."""
    return ("-fps_mode", "passthrough") if _version(program) >= (5, 1) else ("-vsync", "passthrough")


def sets_options(program: str) -> bool:
    """Whether this ffmpeg is of version 5 or newer, whose scripts may set options."""
    return _version(program) >= (5, 0)


def version_of(told: str) -> tuple[int, int]:
    """What ``ffmpeg -version`` says of its age; a build without a number is taken for new.

    >>> [version_of(f"ffmpeg version {name}") for name in ("4.4.2-0ubuntu", "n6.1", "N-1234-g0")]
    [(4, 4), (6, 1), (99, 0)]
    """
    found = _VERSION.search(told)
    return (99, 0) if found is None else (int(found[1]), int(found[2]))


@functools.cache
def _version(program: str) -> tuple[int, int]:
    try:
        told = subprocess.run(  # noqa: S603 - a list
            [program, "-version"], capture_output=True, timeout=_ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    return version_of(told.stdout.decode(errors="replace"))
