"""Which input size and frame rate suit a camera's footage."""

from __future__ import annotations

import math
from contextlib import closing
from typing import Final

from vad_edge.clock import MediaClock
from vad_edge.errors import DataError
from vad_edge.video.open import open_source
from vad_edge_training.datasets.dataset import Dataset

MOST_PIXELS: Final = 240 * 360
"""What a board carries eight times at once; see docs/results.md."""
USUAL_FPS: Final = 10.0


def suited_size(width: int, height: int, *, multiple: int) -> tuple[int, int]:
    """Input height and width for footage of this size: its shape, never larger than it or than a board takes.

    Both are multiples of `multiple` and at least two of it.
    """
    scale = min(1.0, math.sqrt(MOST_PIXELS / (width * height)))
    return _folded(height * scale, multiple), _folded(width * scale, multiple)


def suited_fps(fps: float) -> float:
    """The rate for footage of `fps` frames a second: every n-th frame of it, as near ten a second as goes.

    Slower footage keeps its rate. Whole steps keep frames evenly spaced, which is what motion is measured by.
    """
    steps = range(1, max(math.ceil(fps / USUAL_FPS), 1) + 1)
    return min((fps / step for step in steps), key=lambda rate: abs(math.log(rate / USUAL_FPS)))


def suited_config(data: Dataset, *, multiple: int) -> dict[str, float]:
    """height, width and fps for a dataset's training clips.

    Raises DataError where there is none, SourceError for one that cannot be read.
    """
    if not data.training:
        raise DataError("there are no training clips", where=str(data.root), fix="record normal life first")
    with closing(open_source(str(data.training[0]), MediaClock(), fps=data.fps)) as source:
        info = source.info
    height, width = suited_size(info.width, info.height, multiple=multiple)
    return {"height": height, "width": width, "fps": suited_fps(info.fps or USUAL_FPS)}


def _folded(side: float, multiple: int) -> int:
    return max(math.floor(side / multiple + 0.25), 2) * multiple
