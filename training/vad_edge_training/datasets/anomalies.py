"""Synthetic anomalies in real footage: enough to see whether a model finds what it should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Flags = NDArray[np.bool_]

MIN_FRAMES: Final = 40
_SPEED: Final = 3


def with_anomaly(frames: Frames, kind: int) -> tuple[Frames, Flags]:
    """A copy of a normal sequence with one synthetic anomaly, and which of its frames show it.

    frames: (T, H, W, 3), T at least `MIN_FRAMES`; the anomaly is in the third quarter. kind counts through
    a piece of the picture that crosses it, life at three times its speed, and a grey box that stays. The
    result may be shorter than `frames`. Raises ValueError for too few frames.
    """
    if len(frames) < MIN_FRAMES:
        raise ValueError(f"{len(frames)} frames, {MIN_FRAMES} are needed")
    return _KINDS[kind % len(_KINDS)](frames)


def _third_quarter(length: int) -> tuple[int, int]:
    return length // 2, 3 * length // 4


def _crossing_piece(frames: Frames) -> tuple[Frames, Flags]:
    begin, end = _third_quarter(len(frames))
    _, height, width, _ = frames.shape
    side = max(min(height, width) // 5, 4)
    top = height // 2
    changed = frames.copy()
    for frame in range(begin, end):
        piece = frames[frame, :side, :side]
        left = (frame - begin) * (width - side) // max(end - begin - 1, 1)
        changed[frame, top : top + side, left : left + side] = piece
    return changed, _flags(len(frames), begin, end)


def _hurried_life(frames: Frames) -> tuple[Frames, Flags]:
    begin, _ = _third_quarter(len(frames))
    hurried = range(begin, len(frames), _SPEED)
    order = [*range(begin), *hurried]
    return frames[order], _flags(len(order), begin, len(order))


def _box_that_stays(frames: Frames) -> tuple[Frames, Flags]:
    begin, end = _third_quarter(len(frames))
    _, height, width, _ = frames.shape
    changed = frames.copy()
    box = changed[begin:end, height // 3 : height // 2, width // 3 : width // 2]
    box[:] = np.where(box.mean() < 128, 200, 60)
    return changed, _flags(len(frames), begin, end)


def _flags(length: int, begin: int, end: int) -> Flags:
    flags = np.zeros(length, np.bool_)
    flags[begin:end] = True
    return flags


_KINDS: Final[tuple[Callable[[Frames], tuple[Frames, Flags]], ...]] = (
    _crossing_piece,
    _hurried_life,
    _box_that_stays,
)

KINDS: Final = len(_KINDS)
"""How many kinds of anomaly there are."""
