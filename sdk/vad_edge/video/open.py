"""Which source a name stands for, opened."""

from __future__ import annotations

import re
from pathlib import Path

from vad_edge.clock import RunClock
from vad_edge.video.source import FrameSource

_CSI = re.compile(r"csi(?::(\d+))?")


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
