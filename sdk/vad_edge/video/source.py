"""Where frames come from: one protocol for all sources, and the function that opens them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from vad_edge.clock import RunClock
from vad_edge.video.frame import Frame

Policy = Literal["latest", "all"]

# Cameras take passwords that urllib does not: a lone bracket makes it raise.
_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")
_CSI = re.compile(r"csi(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says of itself.

    name is fit for logs: credentials are left out. fps and frame_count are None where unknown; width and
    height are pixels. codec is the FourCC in lower case, empty where the source says nothing.
    """

    name: str
    live: bool
    fps: float | None
    width: int
    height: int
    frame_count: int | None = None
    codec: str = ""


class FrameSource(Protocol):
    """Frames one after another. Recordings carry media time, live sources run-clock time."""

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself."""
        ...

    @property
    def truncated(self) -> str | None:
        """Why a recording ended before its end; None while it has not."""
        ...

    def read(self) -> Frame | None:
        """The next frame, None at the end of a recording. Raises SourceError when a live source fails."""
        ...

    def close(self) -> None:
        """Let go of the camera, file or process."""
        ...


def open_source(spec: str | int, clock: RunClock, *, fps: float | None = None) -> FrameSource:
    """Open what `spec` names.

    A number is a camera index; ``gst:PIPELINE`` a GStreamer pipeline and ``csi`` or ``csi:N`` a Jetson's CSI
    camera through it; ``rtsp://``, ``http://`` and ``https://`` are streams; a folder holds images; anything
    else is a video file. fps overrides what the source says of itself.
    Raises SourceError: what is not there, and what to check.
    """
    text = str(spec).strip()
    csi = _CSI.fullmatch(text)
    if csi is not None or text.startswith("gst:"):
        from vad_edge.video.gstreamer import GStreamerSource, csi_pipeline

        rate = fps or 30.0
        pipeline = text.removeprefix("gst:") if csi is None else csi_pipeline(int(csi[1] or 0), rate)
        return GStreamerSource(pipeline, clock, fps=rate)

    from vad_edge.video.opencv import open_camera, open_file, open_stream

    if text.isdigit():
        return open_camera(int(text), clock, fps=fps)
    if "://" in text:
        return open_stream(text, clock, fps=fps)
    if Path(text).is_dir():
        from vad_edge.video.images import ImageFolderSource

        return ImageFolderSource(Path(text), fps=fps or 10.0)
    return open_file(Path(text), fps=fps)


def default_policy(info: SourceInfo) -> Policy:
    """``latest`` for what happens now, where an old frame is worth nothing; ``all`` for recordings."""
    return "latest" if info.live else "all"


def redacted(url: str) -> str:
    """A URL without user name and password."""
    return _CREDENTIALS.sub("***@", url, count=1)
