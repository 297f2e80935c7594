"""Cameras, video files and network streams through OpenCV."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

from vad_edge.clock import RunClock
from vad_edge.common.secret import HINT, needs_encoding, redacted
from vad_edge.errors import SourceError
from vad_edge.video.container import missing_bytes
from vad_edge.video.frame import Frame
from vad_edge.video.interlaced import says_interlaced
from vad_edge.video.open_fault import open_fault
from vad_edge.video.source import SourceInfo
from vad_edge.video.stream_options import PixelFormat
from vad_edge.video.timing import Backlog, LiveTimes, RecordingTimes

# OpenCV's and FFmpeg's own lines on stderr say less than our errors, and show a stream's password.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

OPEN_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 5_000
_REACH_S = 3.0
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}
_FOURCC = {"mjpeg": "MJPG", "yuyv": "YUYV"}
_LIKELY_FPS = 1000.0
"""Some containers give the ticks of their clock, 90,000 a second, where they do not know the frame rate."""


class VideoCaptureSource:
    """Frames of one `cv2.VideoCapture`; live with a clock, a recording without one.

    fps, where given, is believed before a recording's time stamps. file is where a recording lies. With
    buffered a live source leaves out what the stream held when it was opened.
    """

    def __init__(
        self,
        capture: cv2.VideoCapture,
        name: str,
        clock: RunClock | None,
        fps: float | None,
        *,
        file: Path | None = None,
        buffered: bool = False,
    ) -> None:
        said = capture.get(cv2.CAP_PROP_FPS)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._capture = capture
        self._clock = clock
        self._file = file
        self._index = 0
        self._ended = False
        self._info = SourceInfo(
            name=name,
            live=clock is not None,
            fps=fps or (said if 0 < said <= _LIKELY_FPS else None),
            width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            frame_count=count if clock is None and count > 0 else None,
            codec=_codec(int(capture.get(cv2.CAP_PROP_FOURCC))),
        )
        self._recorded = RecordingTimes(self._info.fps, override_fps=fps)
        self._live = LiveTimes()
        self._backlog = Backlog(self._info.fps) if buffered else None

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself."""
        return self._info

    @property
    def truncated(self) -> str | None:
        """Set at the end of a file that is shorter than its own header says; one that was cut just stops."""
        if not self._ended or self._file is None:
            return None
        missing = missing_bytes(self._file)
        if not missing:
            return None
        return f"{self._info.name} ends after {self._index} frames: {missing:,} bytes of the file are missing"

    def note_begun(self, begun: datetime | None) -> None:
        """Say of a recording when it was begun."""
        self._info = replace(self._info, begun=begun)

    def read(self) -> Frame | None:
        """The next frame. Raises SourceError when a live source gives none."""
        if self._backlog is not None and self._clock is not None:
            self._skip(self._backlog, self._clock)
        ok, image = self._capture.read()
        if not ok or image is None:
            if self._clock is not None:
                raise SourceError("no frame came", where=self._info.name, fix="check camera and cable")
            self._ended = True
            return None
        stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        if self._clock is None:
            time_s = self._recorded.next(stamp_s)
        else:
            time_s = self._live.next(self._clock.now(), stamp_s)
        frame = Frame(self._index, time_s, np.asarray(image, np.uint8))
        self._index += 1
        return frame

    def _skip(self, backlog: Backlog, clock: RunClock) -> None:
        """Leave out what was buffered, up to the first frame that had to be waited for."""
        while backlog.holds(clock.now()) and self._capture.grab():
            pass
        self._backlog = None

    def close(self) -> None:
        """Let go of the camera or file."""
        self._capture.release()


def open_camera(
    device: Path,
    clock: RunClock,
    *,
    name: str = "",
    fps: float | None = None,
    pixel_format: PixelFormat = "auto",
) -> VideoCaptureSource:
    """The camera at `device`, as /dev/video0 or a name under /dev/v4l/by-id that stays when it is replugged.

    Raises SourceError naming the cameras there are.
    """
    name = name or str(device)
    if not device.exists():
        there = ", ".join(camera_devices()) or "none"
        raise SourceError(f"no such device {device}", where=name, fix=f"cameras here: {there}")
    # Resolved at every opening: a camera that was unplugged comes back as another number.
    capture = cv2.VideoCapture(str(device.resolve()), cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise SourceError(
            f"{device} cannot be opened",
            where=name,
            fix="check that no other program uses it and that you may read it (group video)",
        )
    if pixel_format != "auto":
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*_FOURCC[pixel_format]))
    if fps is not None:
        capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return VideoCaptureSource(capture, name, clock, fps)


def open_stream(url: str, clock: RunClock, *, fps: float | None = None) -> VideoCaptureSource:
    """An RTSP or HTTP stream. Raises SourceError when it does not answer within ten seconds."""
    capture = cv2.VideoCapture(
        url,
        cv2.CAP_FFMPEG,
        [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_TIMEOUT_MS,
        ],
    )
    if not capture.isOpened():
        capture.release()
        fault = open_fault(_unreachable(url))
        raise SourceError(fault.what, where=redacted(url), fix=HINT if needs_encoding(url) else fault.fix)
    # A web server that sends a file tells how long it is; a camera does not.
    if url.startswith("http") and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        return VideoCaptureSource(capture, redacted(url), None, fps)
    return VideoCaptureSource(capture, redacted(url), clock, fps, buffered=True)


def says_interlaced_itself(place: str) -> bool:
    """Whether the first packet of a file or stream says that its pictures are interlaced.

    OpenCV 5 decodes such pictures to whatever was in memory before, and says nothing.
    """
    capture = cv2.VideoCapture(place, cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    try:
        ok, packet = capture.read()
    finally:
        capture.release()
    return bool(ok) and packet is not None and says_interlaced(packet.tobytes()) is True


def _unreachable(url: str) -> str:
    """Why the host of a URL cannot be reached; empty where it can, so that it must be something else."""
    place = urlsplit(url)
    try:
        port = place.port or _PORTS.get(place.scheme)
        if place.hostname and port:
            socket.create_connection((place.hostname, port), timeout=_REACH_S).close()
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def open_file(path: Path, *, fps: float | None = None) -> VideoCaptureSource:
    """A video file. Raises SourceError when it is missing, empty or not a video."""
    if not path.exists():
        raise SourceError("no such file", where=str(path), fix="check the path")
    if path.stat().st_size == 0:
        raise SourceError("the file is empty", where=str(path), fix="record or copy it again")
    # What stands before a colon in a relative name would be taken for a protocol.
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise SourceError(
            "not a video, or cut off before its index",
            where=str(path),
            fix="play it with another program; copy or record it again",
        )
    return VideoCaptureSource(capture, str(path), None, fps, file=path)


def camera_devices() -> Sequence[str]:
    """The video devices of this machine, as paths, by the names that stay where they have one."""
    # Two cameras of one kind without serial numbers share a name by id, but are at different ports.
    stable = {
        path.resolve(): str(path)
        for folder in ("by-path", "by-id")
        for path in sorted(Path("/dev/v4l", folder).glob("*"))
    }
    return [stable.get(path, str(path)) for path in sorted(Path("/dev").glob("video*"))]


def _codec(fourcc: int) -> str:
    """Four characters from the number OpenCV makes of them; it has none, or -1, where it does not know."""
    return fourcc.to_bytes(4, "little").decode("latin-1").strip(" \0").lower() if fourcc > 0 else ""
