"""A clip out of pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from vad_edge.video.writer import VideoWriter

MAX_FPS = 30.0


@dataclass(frozen=True, slots=True)
class Still:
    """One picture of a clip: a JPEG, and its time on the run clock."""

    time_s: float
    jpeg: bytes


def write_film(path: Path, stills: Sequence[Still], deadline_s: float) -> None:
    """Write the pictures as WebM, each shown for as long as it was the newest.

    At `deadline_s` of the monotonic clock it ends early: a clip that is short is better than none.
    Raises SourceError where the file cannot be written, ValueError without a picture.
    """
    if not stills:
        raise ValueError("no picture for a clip")
    times = [still.time_s for still in stills]
    fps = frame_rate(times)
    first = _decoded(stills[0].jpeg)
    shown, image = 0, first
    with VideoWriter(path, fps, (first.shape[1], first.shape[0])) as writer:
        for place in at_fixed_rate(times, fps):
            if place != shown:
                shown, image = place, _decoded(stills[place].jpeg)
            writer.write(image)
            if time.monotonic() > deadline_s:
                break


def frame_rate(times: Sequence[float]) -> float:
    """The rate pictures came at: the median, so that a gap slows nothing down; 10 for a single picture.

    >>> frame_rate([0.0, 0.1, 0.2, 5.0])
    10.0
    """
    gaps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    return min(round(1.0 / float(np.median(gaps)), 2), MAX_FPS) if gaps else 10.0


def at_fixed_rate(times: Sequence[float], fps: float) -> list[int]:
    """Which picture is shown at each tick of a fixed rate, so that a clip lasts as long as what it shows.

    >>> at_fixed_rate([0.0, 0.1, 0.4], 10.0)
    [0, 1, 1, 1, 2]
    """
    ticks = round((times[-1] - times[0]) * fps) + 1
    # Half a tick of tolerance: times of pictures wobble about the rate.
    wanted = times[0] + (np.arange(ticks) + 0.5) / fps
    return [int(place) for place in np.searchsorted(np.asarray(times), wanted, side="right") - 1]


def _decoded(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
