"""Many weak signs in a row to one strong one: evidence of past blocks, which fades, beside the present."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from vad_edge.bundle.levels import Accumulation
from vad_edge.fusion.fuse import Risk

FADES_OVER: Final = 2.0
"""Blocks after which past evidence has faded to 1/e (docs/results.md, "Sensors")."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A risk's value and what it is made of."""

    value: float
    shares: dict[str, float]


_NOTHING: Final = _Part(0.0, {})


class Accumulator:
    """A CUSUM over the joint risk, fed one maximum for each block of a correlation time, that fades.

    accumulated = past * keep + the highest risk of the present block - what is usual of a block, at least 0;
    the past is what was accumulated when the last block ended. Frames of one block count once, so what moves
    slowly is not added up frame by frame. Each part's share is kept.
    """

    def __init__(self, accumulation: Accumulation) -> None:
        self._accumulation = accumulation
        self._keep = math.exp(-1.0 / FADES_OVER)
        self._block: int | None = None
        self._past = self._top = self._accumulated = _NOTHING

    def update(self, risk: Risk) -> Risk:
        """What is accumulated with the risk of this frame."""
        block = math.floor(risk.time_s / self._accumulation.block_s)
        begins = block != self._block
        if self._block is None or block < self._block:
            self._past = self._top = _NOTHING
        elif begins:
            self._past = _scaled(self._accumulated, self._keep ** min(block - self._block, 1000))
            self._top = _NOTHING
        self._block = block
        if begins or risk.value >= self._top.value:
            self._top = _Part(risk.value, dict(risk.shares))
            self._accumulated = self._sum()
        shares = self._accumulated.shares
        return Risk(time_s=risk.time_s, value=math.fsum(shares.values()), shares=shares)

    def _sum(self) -> _Part:
        """Past and present, less what is usual, taken from each part alike."""
        whole = self._past.value + self._top.value
        value = max(whole - self._accumulation.usual, 0.0)
        names = {**self._top.shares, **self._past.shares}
        both = {name: self._past.shares.get(name, 0.0) + self._top.shares.get(name, 0.0) for name in names}
        return _scaled(_Part(whole, both), value / whole if whole > 0.0 else 0.0)


def _scaled(part: _Part, factor: float) -> _Part:
    return _Part(part.value * factor, {name: share * factor for name, share in part.shares.items()})
