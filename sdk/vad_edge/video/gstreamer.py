"""Frames from a GStreamer pipeline in a process of its own: CSI cameras and hardware decode without cv2."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

import numpy as np

from vad_edge.clock import RunClock
from vad_edge.common.secret import redacted
from vad_edge.errors import SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.source import SourceInfo

PROGRAM = "gst-launch-1.0"
_SIZE = re.compile(r"\b(width|height)\s*=\s*(?:\(int\))?\s*(\d+)")
_QUIT_S = 2.0


class GStreamerSource:
    """Raw BGR frames read from the standard output of ``gst-launch-1.0``.

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
        self.truncated: str | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - a list, and the user's own pipeline
            arguments, stdout=subprocess.PIPE, stderr=self._stderr, stdin=subprocess.DEVNULL
        )

    @property
    def info(self) -> SourceInfo:
        """What the pipeline's caps promise."""
        return self._info

    def read(self) -> Frame | None:
        """The next frame. Raises SourceError with GStreamer's last words when the pipeline has ended."""
        image = np.empty(self._shape, np.uint8)
        assert self._process.stdout is not None  # noqa: S101 - opened with a pipe
        view, filled = image.data.cast("B"), 0
        while filled < len(view):
            count = self._process.stdout.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                raise SourceError(
                    f"the pipeline ended: {self._last_words()}",
                    where=self._info.name,
                    fix=f"try it by hand with {PROGRAM}",
                )
            filled += count
        frame = Frame(self._index, self._clock.now(), image)
        self._index += 1
        return frame

    def close(self) -> None:
        """End the process, kindly first."""
        self._process.terminate()
        try:
            self._process.wait(_QUIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._stderr.close()

    def _last_words(self) -> str:
        self._process.wait(_QUIT_S)
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return redacted(" / ".join(lines[-3:])) or f"exit status {self._process.returncode}"


def command_line(pipeline: str) -> Sequence[str]:
    """The arguments that run `pipeline` with raw BGR on standard output.

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
    sink = ["!", "videoconvert", "!", "video/x-raw,format=BGR", "!", "fdsink", "fd=1", "sync=false"]
    return [program, "--quiet", *elements, *sink]


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
