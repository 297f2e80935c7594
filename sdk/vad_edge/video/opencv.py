"""Cameras, video files and network streams through OpenCV."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from vad_edge.clock import RunClock
from vad_edge.common.secret import HINT, needs_encoding, redacted
from vad_edge.errors import SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.source import SourceInfo

# OpenCV's and FFmpeg's own lines on stderr say less than our errors, and show a stream's password.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

OPEN_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 5_000
_LIKELY_FPS = 240.0


class VideoCaptureSource:
    """Frames of one `cv2.VideoCapture`; live with a clock, a recording without one."""

    def __init__(
        self, capture: cv2.VideoCapture, name: str, clock: RunClock | None, fps: float | None
    ) -> None:
        said = capture.get(cv2.CAP_PROP_FPS)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._capture = capture
        self._clock = clock
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
        self._fps = self._info.fps or 25.0

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself."""
        return self._info

    @property
    def truncated(self) -> str | None:
        """Set when a file gave fewer frames than its header promises: a cut-off mkv just stops."""
        promised = self._info.frame_count
        if not self._ended or promised is None or self._index >= promised - 1:
            return None
        return f"{self._info.name} ends after {self._index} of {promised} frames: the file is truncated"

    def read(self) -> Frame | None:
        """The next frame. Raises SourceError when a live source gives none."""
        ok, image = self._capture.read()
        if not ok or image is None:
            if self._clock is not None:
                raise SourceError("no frame came", where=self._info.name, fix="check camera and cable")
            self._ended = True
            return None
        time_s = self._index / self._fps if self._clock is None else self._clock.now()
        frame = Frame(self._index, time_s, np.asarray(image, np.uint8))
        self._index += 1
        return frame

    def close(self) -> None:
        """Let go of the camera or file."""
        self._capture.release()


def open_camera(index: int, clock: RunClock, *, fps: float | None = None) -> VideoCaptureSource:
    """The camera /dev/video`index`. Raises SourceError naming the cameras there are."""
    device = Path(f"/dev/video{index}")
    if not device.exists():
        there = ", ".join(camera_devices()) or "none"
        raise SourceError(f"no such device {device}", where=f"camera {index}", fix=f"cameras here: {there}")
    capture = cv2.VideoCapture(index)
    if not capture.isOpened():
        capture.release()
        raise SourceError(
            f"{device} cannot be opened",
            where=f"camera {index}",
            fix="check that no other program uses it and that you may read it (group video)",
        )
    if fps is not None:
        capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return VideoCaptureSource(capture, f"camera {index}", clock, fps)


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
        raise SourceError(
            "the stream cannot be opened",
            where=redacted(url),
            fix=HINT if needs_encoding(url) else "check address, credentials and that the camera is on",
        )
    return VideoCaptureSource(capture, redacted(url), clock, fps)


def open_file(path: Path, *, fps: float | None = None) -> VideoCaptureSource:
    """A video file. Raises SourceError when it is missing, empty or not a video."""
    if not path.exists():
        raise SourceError("no such file", where=str(path), fix="check the path")
    if path.stat().st_size == 0:
        raise SourceError("the file is empty", where=str(path), fix="record or copy it again")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise SourceError(
            "not a video, or cut off before its index",
            where=str(path),
            fix="play it with another program; copy or record it again",
        )
    return VideoCaptureSource(capture, str(path), None, fps)


def camera_devices() -> Sequence[str]:
    """The video devices of this machine, as paths."""
    return sorted(str(path) for path in Path("/dev").glob("video*"))


def _codec(fourcc: int) -> str:
    """Four characters from the number OpenCV makes of them; it has none, or -1, where it does not know."""
    return fourcc.to_bytes(4, "little").decode("latin-1").strip(" \0").lower() if fourcc > 0 else ""
