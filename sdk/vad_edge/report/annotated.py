"""`annotated.mp4`: the run as people would rather see it, drawn beside the run."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.fusion.machine import Level
from vad_edge.report.drawing import Caption, annotate, canvas_size
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.report.scores import per_camera
from vad_edge.scoring.regions import Region, find_regions, half_peak
from vad_edge.video.writer import VideoWriter

QUEUE_FRAMES = 16
HEAT_MEMORY = 300
"""Frames whose error maps set the scale of the heat."""
VIDEO = "annotated.mp4"
STILL = "annotated.png"


class AnnotatedVideo(Observer):
    """Draws every frame in a thread of its own and writes ``annotated.mp4``, one for each camera.

    The frame of the highest risk is kept as ``annotated.png``. fps is the source's.
    """

    def __init__(self, folder: Path, cameras: Sequence[str], fps: float, note: str = "") -> None:
        self._tapes = {
            camera: _Tape(
                folder / per_camera(VIDEO, camera, cameras),
                folder / per_camera(STILL, camera, cameras),
                fps,
                note,
            )
            for camera in cameras
        }

    def on_frame(self, result: FrameResult) -> None:
        """Have one frame drawn; waits when drawing falls far behind."""
        self._tapes[result.camera].put(result)

    def close(self) -> None:
        """Draw what is left and finish the files."""
        for tape in self._tapes.values():
            tape.close()


class _Tape:
    """The video of one camera."""

    def __init__(self, path: Path, still: Path, fps: float, note: str) -> None:
        self._path = path
        self._still = still
        self._fps = fps
        self._note = note
        self._results: queue.Queue[FrameResult | None] = queue.Queue(QUEUE_FRAMES)
        self._peaks: list[float] = []
        self._floors: list[float] = []
        self._highest = -1.0
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"annotate {path.name}", daemon=True)
        self._thread.start()

    def put(self, result: FrameResult) -> None:
        if self._error is not None:
            raise self._error
        self._results.put(result)

    def close(self) -> None:
        self._results.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        writer: VideoWriter | None = None
        try:
            while (result := self._results.get()) is not None:
                if writer is None:
                    height, width = result.frame.image.shape[:2]
                    size = canvas_size(width, height, len(result.sensors))
                    writer = VideoWriter(self._path, self._fps, size)
                self._draw(writer, result)
        except Exception as error:  # handed to the run by the next put
            self._error = error
            while self._results.get() is not None:
                pass
        finally:
            if writer is not None:
                writer.close()

    def _draw(self, writer: VideoWriter, result: FrameResult) -> None:
        heat = result.scored.error_map if result.scored is not None and result.scored.warm else None
        regions: Sequence[Region] = ()
        span = (0.0, 1.0)
        if heat is not None:
            height, width = result.frame.image.shape[:2]
            self._remember(float(np.median(heat)), float(heat.max()))
            span = (2 * float(np.median(self._floors)), 1.5 * float(np.quantile(self._peaks, 0.9)))
            if result.level > Level.NORMAL:
                regions = find_regions(heat, floor=half_peak(heat), width=width, height=height, limit=2)
        caption = Caption(
            result.camera, result.time_s, result.level, result.fused, result.sensors, self._note
        )
        picture = annotate(result.frame.image, heat, span, regions, caption)
        writer.write(picture)
        self._keep_highest(picture, result)

    def _remember(self, floor: float, peak: float) -> None:
        self._floors = [*self._floors[-HEAT_MEMORY:], floor]
        self._peaks = [*self._peaks[-HEAT_MEMORY:], peak]

    def _keep_highest(self, picture: NDArray[np.uint8], result: FrameResult) -> None:
        if result.risk is None or result.risk <= self._highest:
            return
        self._highest = result.risk
        self._still.write_bytes(cv2.imencode(self._still.suffix, picture)[1].tobytes())
