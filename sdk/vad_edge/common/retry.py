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


class RateLimit:
    """Allows `burst` at once, then one every 1 / per_s seconds. Knows no clock but the times it is given."""

    def __init__(self, *, burst: int, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._left = float(burst)
        self._time_s: float | None = None

    def allow(self, now_s: float) -> bool:
        """Whether it may happen now; if so, it counts."""
        if self._time_s is not None:
            self._left = min(self._left + (now_s - self._time_s) * self._per_s, self._burst)
        self._time_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
