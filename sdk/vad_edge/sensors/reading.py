"""One value of one sensor stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """A parsed sensor value.

    stream is the name the site file gave it; value is 0.0 or 1.0 for binary streams, the declared unit
    for analog ones. time_s is run-clock seconds, latency offset already taken off.
    """

    stream: str
    value: float
    time_s: float


@dataclass(frozen=True, slots=True)
class SensorSurprise:
    """How unusual a stream is now, on the scale of `vad_edge.scoring.surprise.Surprise`."""

    stream: str
    surprise: float
    time_s: float
