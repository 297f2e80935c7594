"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable

# Threads that draw from everybody's generator would make what others draw from it depend on them.
_CHANCE = random.Random()


class Backoff:
    """Delays that double up to a maximum, each scattered over its upper half.

    The scatter keeps a site's devices from coming back all at once after a broker's restart.
    """

    def __init__(
        self, first_s: float, longest_s: float, *, scatter: Callable[[], float] = _CHANCE.random
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._scatter = scatter
        self._delay_s = first_s

    def next_s(self) -> float:
        """The delay to wait now."""
        delay_s, self._delay_s = self._delay_s, min(2 * self._delay_s, self._longest_s)
        return delay_s * (0.5 + 0.5 * self._scatter())

    def reset(self) -> None:
        """Begin again with the first delay."""
        self._delay_s = self._first_s
