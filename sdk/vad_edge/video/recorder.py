"""Recording normal footage to train on, in segments that survive an interruption."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.reader import Reader
from vad_edge.video.writer import VideoWriter

FREE_FLOOR_BYTES = 1_000_000_000
MEASURED_FRAMES = 50
MAX_GAP_S = 2.0
SUFFIX = ".avi"
"""Motion JPEG: every frame stands alone, costs little CPU on a board, and has no artefacts over time."""


def record(
    reader: Reader,
    output: Path,
    *,
    duration_s: float,
    segment_s: float = 600.0,
    stop: threading.Event | None = None,
    shown: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
    on_progress: Callable[[float, int], None] | None = None,
    on_file: Callable[[Path, float, float], None] | None = None,
) -> list[Path]:
    """Write `duration_s` seconds of a started reader into `output`, a file every `segment_s` seconds.

    After a gap in the stream a new file begins. Each has the frame rate that was measured as it began,
    whatever the camera says of itself, and is hidden until it is whole. shown takes out of a picture what may
    not be kept. on_progress gets the seconds recorded and the frames; on_file every whole file, and the times
    of its first and last frame. `stop` ends the recording early and keeps what there is. Returns the files
    written. Raises SourceError when the source gives nothing, or less than a gigabyte is free on the disk.
    """
    output.mkdir(parents=True, exist_ok=True)
    recording = _Recording(output, segment_s, on_file)
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
            recording.add(frame if shown is None else replace(frame, image=shown(frame.image)))
            if on_progress is not None:
                on_progress(frame.time_s - first_s, recording.frames)
    finally:
        recording.finish()
    if not recording.frames:
        raise reader.error or SourceError("not one frame came", where=reader.name, fix="check the source")
    return recording.files


class _Recording:
    """The segments of one recording."""

    def __init__(
        self, output: Path, segment_s: float, on_file: Callable[[Path, float, float], None] | None
    ) -> None:
        self._output = output
        self._segment_s = segment_s
        self._on_file = on_file
        self._writer: VideoWriter | None = None
        self._whole = output
        self._first: list[Frame] = []
        self._began_s = self._last_s = 0.0
        self.files: list[Path] = []
        self.frames = 0

    def add(self, frame: Frame) -> None:
        """Append a frame, in a new segment when the present one is full."""
        full = frame.time_s - self._began_s >= self._segment_s
        if self.frames and (full or frame.time_s - self._last_s > MAX_GAP_S):
            self.finish()
        self._last_s = frame.time_s
        if self._writer is None and not self._first:
            self._began_s = frame.time_s
        self.frames += 1
        if self._writer is not None:
            self._writer.write(frame.image)
            return
        self._first.append(frame)
        if len(self._first) >= MEASURED_FRAMES:
            self._begin()

    def finish(self) -> None:
        """Close the present segment and give it its name."""
        if self._writer is None and self._first:
            self._begin()
        if self._writer is None:
            return
        written, self._writer = self._writer, None
        written.close()
        written.path.rename(self._whole)
        self.files.append(self._whole)
        if self._on_file is not None:
            self._on_file(self._whole, self._began_s, self._last_s)

    def _begin(self) -> None:
        free = shutil.disk_usage(self._output).free
        if free < FREE_FLOOR_BYTES:
            raise SourceError(
                f"only {free / 1e9:.1f} GB are free",
                where=str(self._output),
                fix="make room, or use another disk",
            )
        self._whole = self._unused(datetime.now().strftime("%Y%m%d-%H%M%S"))
        path = self._whole.with_name(f".{self._whole.name}")
        image = self._first[0].image
        size = (image.shape[1], image.shape[0])
        self._writer = VideoWriter(path, measured_fps(self._first), size)
        for frame in self._first:
            self._writer.write(frame.image)
        self._first.clear()

    def _unused(self, stamp: str) -> Path:
        number = 0
        while True:
            name = f"{stamp}{f'_{number}' if number else ''}{SUFFIX}"
            if not (self._output / name).exists():
                return self._output / name
            number += 1


def measured_fps(frames: Sequence[Frame]) -> float:
    """The rate at which frames came, for in dim light a camera gives less than it says; 10 for one frame."""
    span_s = frames[-1].time_s - frames[0].time_s
    return round((len(frames) - 1) / span_s, 2) if span_s > 0 else 10.0
