"""Frames from a GStreamer pipeline in a process of its own: CSI cameras and hardware decode without cv2."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence

import numpy as np

from vad_edge.clock import RunClock
from vad_edge.common.secret import redacted
from vad_edge.errors import SourceError
from vad_edge.video.demuxer import MatroskaDemuxer
from vad_edge.video.frame import Frame
from vad_edge.video.pipe import LastLines, PipeReader, SilenceError, begin, end
from vad_edge.video.source import SourceInfo
from vad_edge.video.timing import LiveTimes

PROGRAM = "gst-launch-1.0"
_SIZE = re.compile(r"\b(width|height)\s*=\s*(?:\(int\))?\s*(\d+)")
_QUIT_S = 2.0
SILENCE_S = 5.0
"""A pipeline that gives no frame for so long hangs."""


class GStreamerSource:
    """BGR frames with their times, read from the standard output of ``gst-launch-1.0``.

    pipeline is everything up to the sink, as on a command line; its last caps must give width and height
    (``videoscale ! video/x-raw,width=640,height=360``). Conversion to BGR and the sink are added here.
    Raises SourceError when GStreamer is not installed or the caps give no size.
    """

    def __init__(self, pipeline: str, clock: RunClock, *, fps: float) -> None:
        width, height = frame_size(pipeline)
        arguments = command_line(pipeline)
        self._clock = clock
        self._info = SourceInfo(redacted(f"gst:{pipeline}"), True, fps, width, height)
        self._shape = (height, width, 3)
        self._index = 0
        self._times = LiveTimes()
        self.truncated: str | None = None
        self._process = begin(arguments)
        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: S101, PT018
        self._lines = LastLines(self._process.stderr, PROGRAM)
        self._demuxer = MatroskaDemuxer(PipeReader(self._process.stdout, SILENCE_S).fill)

    @property
    def info(self) -> SourceInfo:
        """What the pipeline's caps promise."""
        return self._info

    def read(self) -> Frame | None:
        """The next frame.

        Raises SourceError with GStreamer's last words when the pipeline has ended, and when it hangs.
        """
        image = np.empty(self._shape, np.uint8)
        try:
            stamp_s = self._demuxer.picture(image)
        except SilenceError:
            raise self._failure(f"the pipeline gave no frame for {SILENCE_S:.0f} s") from None
        except ValueError as error:
            raise self._failure(f"the pipeline gives other frames than its caps say: {error}") from error
        if stamp_s is None:
            words = " / ".join(self._lines.text(_QUIT_S).splitlines()[-3:])
            raise self._failure(f"the pipeline ended: {words or 'without a word'}")
        frame = Frame(self._index, self._times.next(self._clock.now(), stamp_s), image)
        self._index += 1
        return frame

    def close(self) -> None:
        """End the process, kindly first."""
        end(self._process)

    def _failure(self, what: str) -> SourceError:
        return SourceError(what, where=self._info.name, fix=f"try it by hand with {PROGRAM}")


def command_line(pipeline: str) -> Sequence[str]:
    """The arguments that run `pipeline` with BGR pictures and their times on standard output.

    Raises SourceError when a quote is not closed, and when GStreamer is not installed.
    """
    try:
        elements = shlex.split(pipeline)
    except ValueError as error:
        raise SourceError(
            f"the pipeline cannot be read: {error}",
            where=f"gst:{pipeline}",
            fix="quote it as on a command line",
        ) from error
    program = shutil.which(PROGRAM)
    if program is None:
        raise SourceError(
            f"{PROGRAM} is not installed", where=f"gst:{pipeline}", fix="apt install gstreamer1.0-tools"
        )
    bgr = ["!", "videoconvert", "!", "video/x-raw,format=BGR"]
    sink = ["!", "matroskamux", "streamable=true", "!", "fdsink", "fd=1", "sync=false"]
    return [program, "--quiet", *elements, *bgr, *sink]


def frame_size(pipeline: str) -> tuple[int, int]:
    """Width and height of the pipeline's last caps that give them. Raises SourceError if none do."""
    found = {name: int(value) for name, value in _SIZE.findall(pipeline)}
    if len(found) < 2:
        raise SourceError(
            "the pipeline gives no frame size",
            where=f"gst:{pipeline}",
            fix="end it with caps such as: videoscale ! video/x-raw,width=640,height=360",
        )
    # BGR rows are padded to four bytes by GStreamer; a width that needs no padding keeps the copy plain.
    if found["width"] % 4:
        raise SourceError(
            f"width {found['width']} is not a multiple of 4",
            where=f"gst:{pipeline}",
            fix="scale to one that is",
        )
    return found["width"], found["height"]


def csi_pipeline(sensor: int, fps: float, width: int = 1280, height: int = 720) -> str:
    """The pipeline of a Jetson's CSI camera. Never run on hardware here."""
    return (
        f"nvarguscamerasrc sensor-id={sensor} ! "
        f"video/x-raw(memory:NVMM),width={width},height={height},framerate={round(fps)}/1 ! "
        f"nvvidconv ! video/x-raw,format=BGRx,width={width},height={height}"
    )
