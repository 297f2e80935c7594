"""Made-up scores of normal life: dependent from frame to frame, with a tail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vad_edge.calibration.scores import Stretch

CUES = ("look", "motion")


def scores(seconds: float, *, fps: float = 5.0, memory_s: float = 2.0, seed: int = 0) -> NDArray[np.float64]:
    """Two cues that rise together now and then, (T, 2)."""
    random = np.random.default_rng(seed)
    keep = np.exp(-1.0 / (memory_s * fps))
    noise = random.standard_normal((round(seconds * fps), 3)) * np.sqrt(1.0 - keep**2)
    state = np.zeros(3)
    rows = np.empty_like(noise)
    for number, step in enumerate(noise):
        state = keep * state + step
        rows[number] = state
    return np.asarray(np.exp(0.3 * rows[:, :2] + 0.25 * rows[:, 2:]))


def normal_stretches(seconds: float, clips: int = 1, *, fps: float = 5.0, seed: int = 0) -> list[Stretch]:
    """As many stretches, each of so many seconds."""
    return [
        Stretch(
            f"clip-{number}.mkv",
            np.arange(round(seconds * fps)) / fps,
            scores(seconds, fps=fps, seed=seed + number),
        )
        for number in range(clips)
    ]
