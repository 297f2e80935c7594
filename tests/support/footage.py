"""Seconds of footage: noise on grey, and a white block where something happens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vad_edge.video.writer import VideoWriter

Image = NDArray[np.uint8]


def quiet_frames(count: int, *, height: int = 48, width: int = 64, seed: int = 0) -> list[Image]:
    random = np.random.default_rng(seed)
    return [np.clip(random.normal(100, 4, (height, width, 3)), 0, 255).astype(np.uint8) for _ in range(count)]


def with_block(frames: Sequence[Image], first: int, last: int) -> list[Image]:
    """The frames with a block in those from first to last."""
    changed = [frame.copy() for frame in frames]
    for number in range(first, last + 1):
        left = 8 + number % 8
        changed[number][16:32, left : left + 16] = 255
    return changed


def write_video(path: Path, frames: Sequence[Image], fps: float = 10.0) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, fps, (width, height)) as writer:
        for frame in frames:
            writer.write(frame)
    return path
