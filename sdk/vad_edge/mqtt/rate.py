"""How often something may happen."""

from __future__ import annotations


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
