"""How often a stream has deviated as far as now: experience that corrects a baseline's model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

SURPRISE_CAP = 6.0

_STEPS = 10
"""Bins a decade of chance."""
_BINS = round(SURPRISE_CAP * _STEPS) + 1
_PRIOR_BLOCKS = 100.0
"""What a model's word is worth before anything has been seen."""
_MEMORY_S = 7 * 86400.0
_RARE = 1.5
"""A surprise that one block in thirty brings."""
_RECENT_BLOCKS = 60.0
_FADED = 1.0 - 1.0 / _RECENT_BLOCKS
_UNLIKE = 0.25
_KNOWN_BLOCKS = 300.0
_DOUBTED = 1 / 16
"""How much is learned from a stream that deviates: after a day or two its new values are normal."""


class Experience:
    """The highest deviation of each block of `block_s`, counted; a block is where readings count once.

    A deviation is -log10 of the chance that the stream's model gives it. Its surprise is -log10 of
    (k + N 10^-d) / (n + N), k of n blocks having deviated as far: a wrong model is soon corrected, and a
    stream that deviates all the time causes no surprise, whatever it says. Blocks are forgotten over a week.
    """

    def __init__(self, block_s: float) -> None:
        self._block_s = block_s
        self._memory = max(_MEMORY_S / block_s, 10 * _PRIOR_BLOCKS)
        self._counts = np.zeros(_BINS)
        self._blocks = 0.0
        self._block_at: float | None = None
        self._highest = 0.0
        self._recent = 0.0
        self._tail = self._tails()
        self.unlike = False
        """Whether what was rare has come in a large part of the last `recent_s`: the stream deviates."""

    @property
    def recent_s(self) -> float:
        """How long a time `unlike` looks back on."""
        return _RECENT_BLOCKS * self._block_s

    @property
    def trust(self) -> float:
        """How much is to be learned from what the stream says now, 1 for a stream that does not deviate."""
        return _DOUBTED if self.unlike else 1.0

    def surprise(self, deviation: float) -> float:
        """The surprise of a deviation, 0 to `SURPRISE_CAP`, against all blocks but the present one."""
        if deviation <= 0.0:
            return 0.0
        model = 10.0**-deviation
        seen = self._tail[min(int(deviation * _STEPS), _BINS - 1)]
        chance = (seen + _PRIOR_BLOCKS * model) / (self._blocks + _PRIOR_BLOCKS)
        return min(max(-math.log10(chance), 0.0), SURPRISE_CAP)

    def learn(self, deviation: float, time_s: float, credit_s: float) -> None:
        """Note a deviation at a time; the blocks since the last one were calm, credit_s of them at most."""
        if self._block_at is None:
            self._block_at = time_s
        elapsed_s = time_s - self._block_at
        if elapsed_s >= self._block_s:
            self._close(max(int(min(elapsed_s, credit_s) / self._block_s), 1))
            self._block_at = time_s
        elif elapsed_s < 0:  # the clock went back: a new block begins there
            self._block_at = time_s
        self._highest = max(self._highest, deviation)

    def cut(self, begin_s: float) -> None:
        """Nothing is known of the time up to `begin_s`: the present block goes on there."""
        if self._block_at is not None:
            self._block_at = begin_s

    def state(self) -> list[float]:
        """What was learned: blocks, then how many deviated so far, by bin."""
        return [round(self._blocks, 3), *(round(count, 3) for count in self._counts.tolist())]

    def restore(self, state: Sequence[float]) -> None:
        """Take up what `state` gave. Raises ValueError for anything else."""
        if len(state) != _BINS + 1 or not all(math.isfinite(value) and value >= 0 for value in state):
            raise ValueError("this is no stream's experience")
        self._blocks, self._counts = float(state[0]), np.array(state[1:], np.float64)
        self._tail = self._tails()
        self._judge()

    def _close(self, blocks: int) -> None:
        """The present block is over, and so are calm ones after it."""
        if self._blocks + blocks > self._memory:
            kept = max(self._memory - blocks, 0.0) / self._blocks
            self._counts *= kept
            self._blocks *= kept
        rare = self.surprise(self._highest) >= _RARE
        self._recent = (self._recent + (rare - self._recent) / _RECENT_BLOCKS) * _FADED ** (blocks - 1)
        self._judge()
        believed = self.trust
        self._blocks += believed * blocks
        if self._highest > 0.0:
            self._counts[min(int(self._highest * _STEPS), _BINS - 1)] += believed
        self._highest = 0.0
        self._tail = self._tails()
        self._judge()

    def _judge(self) -> None:
        self.unlike = self._recent > _UNLIKE and self._blocks >= _KNOWN_BLOCKS

    def _tails(self) -> list[float]:
        """How many blocks deviated at least so far, by bin."""
        tails: list[float] = np.cumsum(self._counts[::-1])[::-1].tolist()
        return tails
