"""What one sensor stream says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SensorSurprise:
    """How unusual a stream is now, on the scale of `vad_edge.scoring.surprise.Surprise`."""

    stream: str
    surprise: float
    time_s: float
