"""`annotated.mp4`: the run as people would rather see it, drawn beside the run."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.events.event import Event
from vad_edge.fusion.machine import Level
from vad_edge.health.conditions import HealthEvent
from vad_edge.report.drawing import Caption, annotate, canvas_size
from vad_edge.report.observer import Moment
from vad_edge.report.scores import per_camera
from vad_edge.scoring.regions import Region, find_regions, half_peak
from vad_edge.video.writer import VideoWriter

QUEUE_FRAMES = 16
HEAT_MEMORY = 300
"""Frames whose error maps set the scale of the heat."""
VIDEO = "annotated.mp4"
STILL = "annotated.png"


class AnnotatedVideo:
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

    def on_moment(self, moment: Moment) -> None:
        """Have one frame drawn; waits when drawing falls far behind."""
        self._tapes[moment.camera].put(moment)

    def on_event(self, event: Event) -> None:
        """Levels show in the frames."""

    def on_health(self, event: HealthEvent) -> None:
        """Conditions show in the sensors' states."""

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
        self._moments: queue.Queue[Moment | None] = queue.Queue(QUEUE_FRAMES)
        self._peaks: list[float] = []
        self._floors: list[float] = []
        self._highest = -1.0
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"annotate {path.name}", daemon=True)
        self._thread.start()

    def put(self, moment: Moment) -> None:
        if self._error is not None:
            raise self._error
        self._moments.put(moment)

    def close(self) -> None:
        self._moments.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        writer: VideoWriter | None = None
        try:
            while (moment := self._moments.get()) is not None:
                if writer is None:
                    height, width = moment.frame.image.shape[:2]
                    size = canvas_size(width, height, len(moment.sensors))
                    writer = VideoWriter(self._path, self._fps, size)
                self._draw(writer, moment)
        except Exception as error:  # handed to the run by the next put
            self._error = error
            while self._moments.get() is not None:
                pass
        finally:
            if writer is not None:
                writer.close()

    def _draw(self, writer: VideoWriter, moment: Moment) -> None:
        heat = moment.scored.error_map if moment.scored is not None and moment.scored.warm else None
        regions: Sequence[Region] = ()
        span = (0.0, 1.0)
        if heat is not None:
            height, width = moment.frame.image.shape[:2]
            self._remember(float(np.median(heat)), float(heat.max()))
            span = (2 * float(np.median(self._floors)), 1.5 * float(np.quantile(self._peaks, 0.9)))
            if moment.level > Level.NORMAL:
                regions = find_regions(heat, floor=half_peak(heat), width=width, height=height, limit=2)
        caption = Caption(
            moment.camera, moment.frame.time_s, moment.level, moment.risk, moment.sensors, self._note
        )
        picture = annotate(moment.frame.image, heat, span, regions, caption)
        writer.write(picture)
        self._keep_highest(picture, moment)

    def _remember(self, floor: float, peak: float) -> None:
        self._floors = [*self._floors[-HEAT_MEMORY:], floor]
        self._peaks = [*self._peaks[-HEAT_MEMORY:], peak]

    def _keep_highest(self, picture: NDArray[np.uint8], moment: Moment) -> None:
        if moment.risk is None or moment.risk.value <= self._highest:
            return
        self._highest = moment.risk.value
        self._still.write_bytes(cv2.imencode(self._still.suffix, picture)[1].tobytes())
