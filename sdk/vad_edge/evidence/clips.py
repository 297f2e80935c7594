"""The system's ffmpeg, which copies video without decoding it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np

from vad_edge.config.site import Keeping
from vad_edge.errors import StoreError
from vad_edge.video.ffmpeg import last_words
from vad_edge.video.writer import VideoWriter

_COPY_S = 30.0
_QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")
# Neither sound nor what the camera wrote about itself is evidence that was asked for.
_VIDEO_ALONE = ("-map", "0:v:0", "-c", "copy", "-map_metadata", "-1")


def cut_recording(program: str, source: Path, start_s: float, end_s: float, target: Path) -> None:
    """Copy the packets between two media times into an MP4; it begins with the key frame before start_s.

    Raises StoreError with ffmpeg's last words.
    """
    times = ("-ss", f"{max(start_s, 0.0):.3f}", "-t", f"{end_s - max(start_s, 0.0):.3f}")
    _run([program, *_QUIET, *times, "-i", f"file:{source}", *_VIDEO_ALONE, *_mp4(target)], b"")


def wrap_packets(program: str, packets: bytes, target: Path) -> None:
    """Put an MPEG transport stream that begins with a key frame into an MP4. Raises StoreError."""
    _run([program, *_QUIET[1:], "-f", "mpegts", "-i", "pipe:0", *_VIDEO_ALONE, *_mp4(target)], packets)


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


MAX_FPS = 30.0


@dataclass(frozen=True, slots=True)
class Still:
    """One picture of a clip: a JPEG, and its time on the run clock."""

    time_s: float
    jpeg: bytes


def write_film(path: Path, stills: Sequence[Still], deadline_s: float) -> None:
    """Write the pictures as WebM, each shown for as long as it was the newest.

    At `deadline_s` of the monotonic clock it ends early: a clip that is short is better than none.
    Raises OutputError where the file cannot be written, ValueError without a picture.
    """
    if not stills:
        raise ValueError("no picture for a clip")
    times = [still.time_s for still in stills]
    fps = frame_rate(times)
    first = _decoded(stills[0].jpeg)
    shown, image = 0, first
    with VideoWriter(path, fps, (first.shape[1], first.shape[0])) as writer:
        for place in at_fixed_rate(times, fps):
            if place != shown:
                shown, image = place, _decoded(stills[place].jpeg)
            writer.write(image)
            if time.monotonic() > deadline_s:
                break


def frame_rate(times: Sequence[float]) -> float:
    """The rate pictures came at: the median, so that a gap slows nothing down; 10 for a single picture.

    >>> frame_rate([0.0, 0.1, 0.2, 5.0])
    10.0
    """
    gaps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    return min(round(1.0 / float(np.median(gaps)), 2), MAX_FPS) if gaps else 10.0


def at_fixed_rate(times: Sequence[float], fps: float) -> list[int]:
    """Which picture is shown at each tick of a fixed rate, so that a clip lasts as long as what it shows.

    >>> at_fixed_rate([0.0, 0.1, 0.4], 10.0)
    [0, 1, 1, 1, 2]
    """
    ticks = round((times[-1] - times[0]) * fps) + 1
    # Half a tick of tolerance: times of pictures wobble about the rate.
    wanted = times[0] + (np.arange(ticks) + 0.5) / fps
    return [int(place) for place in np.searchsorted(np.asarray(times), wanted, side="right") - 1]


def _decoded(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


Way = Literal["none", "cut", "packets", "pictures"]
"""No clip; cut out of the recording; the stream's packets as they come; the run's pictures, encoded again."""

COPIED = {"h264": "h264", "avc1": "h264", "x264": "h264", "hevc": "hevc", "hev1": "hevc", "hvc1": "hevc"}
"""FourCC to the codec it stands for: those that are copied without decoding."""


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What decides about a camera's clips.

    source is what the site file names, codec the FourCC in lower case, empty where the source says nothing.
    live is false for a recording. record_stream says that there is a stream of its own to copy clips from.
    """

    keeping: Keeping
    masked: bool
    source: str
    live: bool
    codec: str
    has_ffmpeg: bool
    record_stream: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The way clips are made, and why: a code with parameters, so that any language can say it."""

    way: Way
    code: str
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """The reason in English."""
        return _REASONS[self.code].format_map(self.params)


_REASONS: Final[Mapping[str, str]] = {
    "keeps_no_picture": "evidence = {keeping} keeps no picture",
    "blurred": "blurring needs pictures",
    "masked": "masks are burned into pictures, not into packets",
    "codec_not_copied": "its codec is {codec}, and only H.264 and H.265 are copied",
    "codec_unknown": "its codec is not known, and only H.264 and H.265 are copied",
    "no_ffmpeg": "{codec} could be copied, but there is no ffmpeg",
    "not_a_network_stream": "only network streams have packets to copy",
    "record_stream": "its record stream is copied as the camera sends it",
    "copied": "{codec} is copied as the camera sends it",
    "cut": "{codec} is cut out of the recording",
}


def choose_route(facts: ClipFacts) -> Route:
    """A copy of what the camera sent, where nothing is to be hidden in it and ffmpeg takes it; else pictures.

    >>> choose_route(ClipFacts("full", False, "rtsp://camera/1", True, "h264", True)).way
    'packets'
    >>> choose_route(ClipFacts("full", True, "rtsp://camera/1", True, "h264", True)).reason
    'masks are burned into pictures, not into packets'
    """
    if facts.keeping in ("none", "heatmap"):
        return Route("none", "keeps_no_picture", {"keeping": facts.keeping})
    if facts.keeping == "blurred":
        return Route("pictures", "blurred")
    if facts.masked:
        return Route("pictures", "masked")
    if facts.record_stream and facts.has_ffmpeg:
        return Route("packets", "record_stream")
    codec = COPIED.get(facts.codec)
    if codec is None:
        code = "codec_not_copied" if facts.codec else "codec_unknown"
        return Route("pictures", code, {"codec": facts.codec})
    if not facts.has_ffmpeg:
        return Route("pictures", "no_ffmpeg", {"codec": codec})
    if facts.live:
        if "://" not in facts.source:
            return Route("pictures", "not_a_network_stream")
        return Route("packets", "copied", {"codec": codec})
    return Route("cut", "cut", {"codec": codec})
