"""How the clip of an incident is made, and why so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vad_edge.config.site import Keeping

Way = Literal["none", "cut", "packets", "pictures"]
"""No clip; cut out of the recording; the stream's packets as they come; the run's pictures, encoded anew."""

COPIED = {"h264": "h264", "avc1": "h264", "x264": "h264", "hevc": "hevc", "hev1": "hevc", "hvc1": "hevc"}
"""FourCC to the codec it stands for: those that are copied without decoding."""


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What decides about a camera's clips.

    source is what the site file names, codec the FourCC in lower case, empty where the source says nothing.
    live is false for a recording.
    """

    keeping: Keeping
    masked: bool
    source: str
    live: bool
    codec: str
    has_ffmpeg: bool


@dataclass(frozen=True, slots=True)
class Route:
    """The way clips are made, and the reason in words."""

    way: Way
    reason: str


def choose_route(facts: ClipFacts) -> Route:
    """A copy of what the camera sent, where nothing is to be hidden in it and ffmpeg takes it; else pictures.

    >>> choose_route(ClipFacts("full", False, "rtsp://camera/1", True, "h264", True)).way
    'packets'
    >>> choose_route(ClipFacts("full", True, "rtsp://camera/1", True, "h264", True)).reason
    'masks are burned into pictures, not into packets'
    """
    if facts.keeping in ("none", "heatmap"):
        return Route("none", f"evidence = {facts.keeping} keeps no picture")
    if facts.keeping == "blurred":
        return Route("pictures", "blurring needs pictures")
    if facts.masked:
        return Route("pictures", "masks are burned into pictures, not into packets")
    codec = COPIED.get(facts.codec)
    if codec is None:
        what = f"its codec is {facts.codec}" if facts.codec else "its codec is not known"
        return Route("pictures", f"{what}, and only H.264 and H.265 are copied")
    if not facts.has_ffmpeg:
        return Route("pictures", f"{codec} could be copied, but there is no ffmpeg")
    if facts.live:
        if "://" not in facts.source:
            return Route("pictures", "only network streams can be read a second time")
        return Route("packets", f"{codec} is copied as the camera sends it")
    return Route("cut", f"{codec} is cut out of the recording")
