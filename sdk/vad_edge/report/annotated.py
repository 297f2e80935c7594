"""`annotated.mp4`: the run as people would rather see it, drawn beside the run."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import OutputError
from vad_edge.fusion.machine import Level
from vad_edge.report.drawing import Caption, annotate, canvas_size
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.report.scores import per_camera
from vad_edge.scoring.regions import Region, find_regions, half_peak
from vad_edge.video.film import NICENESS, Film, open_film

_log = logging.getLogger(__name__)

QUEUE_FRAMES: Final = 8
CLOSE_S: Final = 60.0
SAVE_S: Final = 1.0
HEAT_MEMORY: Final = 300
"""Frames whose error maps set the scale of the heat."""
VIDEO: Final = "annotated"
SUFFIXES: Final = (".mp4", ".webm")
STILL: Final = "annotated.png"
_FAST_PNG: Final = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def video_in(folder: Path) -> Path:
    """The video that a run of one camera left in `folder`."""
    left = [folder / f"{VIDEO}{suffix}" for suffix in SUFFIXES]
    return next((path for path in left if path.exists()), left[0])


class AnnotatedVideo(Observer):
    """Draws frames in a thread of its own and writes ``annotated.mp4`` or ``.webm``, one for each camera.

    Every picture is shown from its own time until the next one's. A live run does not wait: what drawing has
    no time for is left out, and `remark` counts it; a recording waits. What cannot be written is counted and
    ends the video, not the run. The frame of the highest risk is kept as ``annotated.png``.
    """

    def __init__(self, folder: Path, cameras: Sequence[str], note: str = "") -> None:
        self._live = False
        self._tapes = {
            camera: _Tape(
                folder / per_camera(VIDEO, camera, cameras), folder / per_camera(STILL, camera, cameras), note
            )
            for camera in cameras
        }

    @property
    def problem(self) -> str:  # type: ignore[override]
        """What cannot be written; empty while all can."""
        return "; ".join(str(tape.error) for tape in self._tapes.values() if tape.error is not None)

    @property
    def remark(self) -> str:  # type: ignore[override]
        """How many frames were not drawn."""
        return "; ".join(text for tape in self._tapes.values() if (text := tape.left_out()))

    def begin(self, *, live: bool) -> None:
        """The run begins."""
        self._live = live

    def on_frame(self, result: FrameResult) -> None:
        """Have one frame drawn."""
        self._tapes[result.camera].put(result, wait=not self._live)

    def close(self) -> None:
        """Draw what is left and finish the files. Raises OutputError for those that are not whole."""
        lost = [text for tape in self._tapes.values() if (text := tape.close())]
        if lost:
            raise OutputError("; ".join(lost))


class _Tape:
    """The video of one camera."""

    def __init__(self, stem: Path, still: Path, note: str) -> None:
        self._stem = stem
        self._still = still
        self._note = note
        self._results: queue.Queue[FrameResult | None] = queue.Queue(QUEUE_FRAMES)
        self._peaks: list[float] = []
        self._floors: list[float] = []
        self._highest = -1.0
        self._best: NDArray[np.uint8] | None = None
        self._saved_s = -math.inf
        self._film: Film | None = None
        self._frames = self._dropped = self._drawn = 0
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"annotate {stem.name}", daemon=True)
        self._thread.start()

    def put(self, result: FrameResult, *, wait: bool) -> None:
        self._frames += 1
        if self.error is not None:
            return
        try:
            self._results.put(result, block=wait)
        except queue.Full:
            self._dropped += 1

    def left_out(self) -> str:
        if not self._dropped:
            return ""
        return (
            f"{self._name()}: {self._dropped} of {self._frames} frames were not drawn, as there was no time;"
            " those that are there are shown at their own times"
        )

    def close(self) -> str:
        """Finish the file; what to say of it if it is not whole."""
        with contextlib.suppress(queue.Full):
            self._results.put(None, timeout=CLOSE_S)
        self._thread.join(CLOSE_S)
        if self._thread.is_alive() and self._film is not None:
            self._film.abandon()
            self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            return f"{self._name()}: drawing does not end, and the video may be cut"
        if self.error is None:
            return ""
        missing = self._frames - self._dropped - self._drawn
        return f"{self._name()}: at least {missing} of {self._frames} frames are not in it: {self.error}"

    def _name(self) -> str:
        return self._film.path.name if self._film is not None else self._stem.name

    def _run(self) -> None:
        _step_back()
        try:
            try:
                while (result := self._results.get()) is not None:
                    self._draw(result)
                    self._drawn += 1
                self._save_best()
            finally:
                if self._film is not None:
                    self._film.close()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        ours = not isinstance(error, (OSError, OutputError))
        _log.error("the annotated video ends here: %s", error, exc_info=ours)
        self.error = error
        with contextlib.suppress(queue.Empty):  # whoever waits for room goes on
            while True:
                self._results.get_nowait()

    def _draw(self, result: FrameResult) -> None:
        height, width = result.frame.image.shape[:2]
        if self._film is None:
            self._film = open_film(self._stem, canvas_size(width, height, len(result.sensors)))
        heat = result.scored.error_map if result.scored is not None and result.scored.warm else None
        regions: Sequence[Region] = ()
        span = (0.0, 1.0)
        if heat is not None:
            self._remember(float(np.median(heat)), float(heat.max()))
            span = (2 * float(np.median(self._floors)), 1.5 * float(np.quantile(self._peaks, 0.9)))
            if result.level > Level.NORMAL:
                regions = find_regions(heat, floor=half_peak(heat), width=width, height=height, limit=2)
        caption = Caption(
            result.camera, result.time_s, result.level, result.fused, result.sensors, self._note
        )
        picture = annotate(result.frame.image, heat, span, regions, caption)
        self._keep_highest(picture, result)
        self._film.write(picture, result.time_s)

    def _remember(self, floor: float, peak: float) -> None:
        self._floors = [*self._floors[-HEAT_MEMORY:], floor]
        self._peaks = [*self._peaks[-HEAT_MEMORY:], peak]

    def _keep_highest(self, picture: NDArray[np.uint8], result: FrameResult) -> None:
        if result.risk is None or result.risk <= self._highest:
            return
        self._highest, self._best = result.risk, picture
        if time.monotonic() - self._saved_s > SAVE_S:  # it rises from frame to frame, and PNG is dear
            self._save_best()

    def _save_best(self) -> None:
        if self._best is None:
            return
        picture, self._best, self._saved_s = self._best, None, time.monotonic()
        self._still.parent.mkdir(parents=True, exist_ok=True)
        self._still.write_bytes(cv2.imencode(self._still.suffix, picture, _FAST_PNG)[1].tobytes())


def _step_back() -> None:
    """Give this thread the processor time that scoring leaves, where threads have a priority of their own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
