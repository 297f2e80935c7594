"""Recording normal footage to train on, in segments that are of use whatever ends the recording."""

from __future__ import annotations

import logging
import math
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import OutputError, SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.reader import Reader
from vad_edge.video.segment import SUFFIX, Segment

_log = logging.getLogger(__name__)

FREE_FLOOR_BYTES: Final = 1_000_000_000
MAX_GAP_S: Final = 2.0
LOOK_S: Final = 1.0
RETRY_S: Final = 10.0

Piece = Callable[[Path, float, float], None]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording left: its files and frames, and in words what is missing."""

    files: tuple[Path, ...]
    frames: int
    problems: tuple[str, ...]


def record(
    reader: Reader,
    output: Path,
    *,
    duration_s: float,
    segment_s: float = 600.0,
    floor_bytes: int = FREE_FLOOR_BYTES,
    stop: threading.Event | None = None,
    shown: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
    on_progress: Callable[[float, int], None] | None = None,
    on_piece: Piece | None = None,
) -> Recorded:
    """Write `duration_s` seconds of a started reader into `output`, a file every `segment_s` seconds.

    Of a camera that is wall time, whether frames come or not; of a recording its own time. After a gap in the
    stream a new file begins. Every picture has its own time. A disk that takes no more, or has less than
    floor_bytes free, costs the frames that come until it does again: they are counted. shown takes out of a
    picture what may not be kept. on_progress gets the seconds recorded and the frames; on_piece a file, the
    time of its first frame and the time up to which it is written, once a second and when it is whole. `stop`
    ends the recording early and keeps what there is. Raises SourceError when the source gives nothing, and
    OutputError when the first frame cannot be written.
    """
    _make_room(output, floor_bytes)
    live = reader.info is None or reader.info.live
    recording = _Recording(output, segment_s, floor_bytes, live, on_piece)
    began_s = heard_s = time.monotonic()
    try:
        while not reader.ended and not (stop is not None and stop.is_set()):
            passed_s = time.monotonic() - began_s if live else recording.span_s
            if passed_s >= duration_s:
                break
            frame = reader.get(timeout_s=min(0.5, duration_s - passed_s) if live else 0.5)
            if frame is None:
                if reader.error is not None and not recording.seen:
                    raise reader.error
                continue
            heard_s = time.monotonic()
            if not live and recording.seen and frame.time_s - recording.first_s >= duration_s:
                break
            recording.add(frame, frame.image if shown is None else shown(frame.image))
            if on_progress is not None:
                on_progress(passed_s if live else recording.span_s, recording.frames)
    finally:
        recording.finish()
    if not recording.seen:
        raise reader.error or SourceError("not one frame came", where=reader.name, fix="check the source")
    problems = [recording.loss] if recording.loss else []
    silent_s = time.monotonic() - heard_s
    if live and silent_s > MAX_GAP_S:
        why = f": {reader.error}" if reader.error is not None else ""
        problems.append(f"{reader.name}: no frame came in the last {silent_s:.0f} s{why}")
    return Recorded(tuple(recording.files), recording.frames, tuple(problems))


class _Recording:
    """The segments of one recording."""

    def __init__(
        self, output: Path, segment_s: float, floor_bytes: int, live: bool, on_piece: Piece | None
    ) -> None:
        self._output = output
        self._segment_s = segment_s
        self._floor_bytes = floor_bytes
        self._live = live
        self._on_piece = on_piece
        self._segment: Segment | None = None
        self._began_s = self._last_s = self._looked_s = 0.0
        self._closed_until_s = -math.inf
        self._lost = 0
        self._reason = ""
        self.first_s = 0.0
        self.seen = 0
        self.frames = 0
        self.files: list[Path] = []

    @property
    def span_s(self) -> float:
        """From the first frame to the last one."""
        return self._last_s - self.first_s

    @property
    def loss(self) -> str:
        """How many frames could not be written, and why; empty where all could."""
        if not self._lost:
            return ""
        return f"{self._lost} of {self.seen} frames were not recorded: {self._reason}"

    def add(self, frame: Frame, image: NDArray[np.uint8]) -> None:
        """Append a frame, in a new segment when the present one is full. Raises OutputError for the first."""
        if not self.seen:
            self.first_s = self._last_s = frame.time_s
        size = (image.shape[1], image.shape[0])
        if self._segment is not None and (
            frame.time_s - self._began_s >= self._segment_s
            or frame.time_s - self._last_s > MAX_GAP_S
            or size != self._segment.size
        ):
            self.finish()
        self._last_s = frame.time_s
        self.seen += 1
        if time.monotonic() < self._closed_until_s:
            self._lost += 1
            return
        try:
            self._write(frame, image, size)
        except (OSError, OutputError) as error:
            self._lose(error)

    def finish(self) -> None:
        """Close the present segment."""
        if self._segment is None:
            return
        written, self._segment = self._segment, None
        if written.finish():
            self.files.append(written.path)
            self._tell(written.path)

    def _write(self, frame: Frame, image: NDArray[np.uint8], size: tuple[int, int]) -> None:
        if self._segment is None:
            _make_room(self._output, self._floor_bytes)
            self._segment = self._begin(size)
            self._began_s = self._looked_s = frame.time_s
        elif frame.time_s - self._looked_s >= LOOK_S:
            self._looked_s = frame.time_s
            self._tell(self._segment.path)
            _make_room(self._output, self._floor_bytes)
        self._segment.add(image, frame.time_s)
        self.frames += 1
        if self._closed_until_s > -math.inf:
            _log.info("%s: the recording goes on", self._output)
            self._closed_until_s = -math.inf

    def _begin(self, size: tuple[int, int]) -> Segment:
        now = datetime.now(timezone.utc)
        stamp, number = now.astimezone().strftime("%Y%m%d-%H%M%S"), 0
        while True:
            name = f"{stamp}{f'_{number}' if number else ''}{SUFFIX}"
            try:
                return Segment(self._output / name, size, now if self._live else None)
            except FileExistsError:
                number += 1

    def _lose(self, error: OSError | OutputError) -> None:
        """Count a frame that could not be written; try again in a while."""
        reason = (
            str(error) if isinstance(error, OutputError) else f"{self._output}: {error.strerror or error}"
        )
        if self._closed_until_s == -math.inf:
            _log.warning("frames are not recorded: %s", reason)
        written = self.frames > 0
        self.finish()
        if not written:
            raise OutputError(reason) from error
        self._reason = reason
        self._closed_until_s = time.monotonic() + RETRY_S
        self._lost += 1

    def _tell(self, path: Path) -> None:
        if self._on_piece is not None:
            self._on_piece(path, self._began_s, self._last_s)


def _make_room(output: Path, floor_bytes: int) -> None:
    """Make the folder. Raises OutputError where its disk has less than `floor_bytes` free."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(output).free
    except OSError as error:
        raise OutputError(
            error.strerror or str(error), where=str(output), fix="use another folder"
        ) from error
    if free < floor_bytes:
        raise OutputError(
            f"only {free / 1e9:.1f} GB are free", where=str(output), fix="make room, or use another disk"
        )
