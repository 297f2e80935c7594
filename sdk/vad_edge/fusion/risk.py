"""The fused suspicion about one camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Risk:
    """One number for how unusual the situation is, and what it is made of.

    value is on the scale of a surprise (-log10 of a chance, 0 is ordinary). shares maps the name of each
    cue and stream to its part of the value; the parts add up to value.
    """

    time_s: float
    value: float
    shares: Mapping[str, float]
