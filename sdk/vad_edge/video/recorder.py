"""Recording normal footage to train on, in segments that survive an interruption."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from vad_edge.errors import SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.reader import Reader
from vad_edge.video.writer import VideoWriter

FREE_FLOOR_BYTES = 1_000_000_000
SUFFIX = ".avi"
"""Motion JPEG: every frame stands alone, costs little CPU on a board, and has no artefacts over time."""


def record(
    reader: Reader,
    output: Path,
    *,
    duration_s: float,
    segment_s: float = 600.0,
    stop: threading.Event | None = None,
    on_progress: Callable[[float, int], None] | None = None,
) -> list[Path]:
    """Write `duration_s` seconds of a started reader into `output`, a file every `segment_s` seconds.

    A segment is called ``.part`` until it is whole. on_progress gets the seconds recorded and the frames.
    `stop` ends the recording early and keeps what there is. Returns the files written.
    Raises SourceError when the source gives nothing, or less than a gigabyte is free on the disk.
    """
    output.mkdir(parents=True, exist_ok=True)
    fps = reader.info.fps if reader.info else None
    recording = _Recording(output, fps or 25.0, segment_s)
    first_s: float | None = None
    try:
        while not reader.ended and not (stop is not None and stop.is_set()):
            frame = reader.get(timeout_s=0.5)
            if frame is None:
                if reader.error is not None and first_s is None:
                    raise reader.error
                continue
            first_s = frame.time_s if first_s is None else first_s
            if frame.time_s - first_s >= duration_s:
                break
            recording.add(frame)
            if on_progress is not None:
                on_progress(frame.time_s - first_s, recording.frames)
    finally:
        recording.finish()
    if not recording.frames:
        raise SourceError("not one frame came", where=reader.name, fix="check the source")
    return recording.files


class _Recording:
    """The segments of one recording."""

    def __init__(self, output: Path, fps: float, segment_s: float) -> None:
        self._output = output
        self._fps = fps
        self._segment_s = segment_s
        self._writer: VideoWriter | None = None
        self._began_s = 0.0
        self.files: list[Path] = []
        self.frames = 0

    def add(self, frame: Frame) -> None:
        """Append a frame, in a new segment when the present one is full."""
        if self._writer is not None and frame.time_s - self._began_s >= self._segment_s:
            self.finish()
        if self._writer is None:
            self._begin(frame)
        assert self._writer is not None  # noqa: S101 - just begun
        self._writer.write(frame.image)
        self.frames += 1

    def finish(self) -> None:
        """Close the present segment and give it its name."""
        if self._writer is None:
            return
        self._writer.close()
        whole = self._writer.path.with_suffix("")
        self._writer.path.rename(whole)
        self.files.append(whole)
        self._writer = None

    def _begin(self, frame: Frame) -> None:
        free = shutil.disk_usage(self._output).free
        if free < FREE_FLOOR_BYTES:
            raise SourceError(
                f"only {free / 1e9:.1f} GB are free",
                where=str(self._output),
                fix="make room, or use another disk",
            )
        self._began_s = frame.time_s
        path = self._unused(datetime.now().strftime("%Y%m%d-%H%M%S"))
        size = (frame.image.shape[1], frame.image.shape[0])
        self._writer = VideoWriter(path, self._fps, size, suffix=SUFFIX)

    def _unused(self, stamp: str) -> Path:
        number = 0
        while True:
            name = f"{stamp}{f'-{number}' if number else ''}{SUFFIX}"
            if not (self._output / name).exists():
                return self._output / f"{name}.part"
            number += 1
