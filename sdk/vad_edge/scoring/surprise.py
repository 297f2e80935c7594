"""How rare what a camera shows is, on one scale for every cue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Surprise:
    """Calibrated scores of one frame.

    A surprise is -log10 of the chance that a frame of normal footage scores as high: 0 is ordinary,
    3 is one frame in a thousand. cues maps the name of each cue that counts to its own; total is the frame's,
    calibrated over the joint of the cues, not their sum.
    """

    time_s: float
    total: float
    cues: Mapping[str, float]
