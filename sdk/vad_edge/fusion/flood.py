"""When alarms come so much more often than promised that the calibration must be wrong."""

from __future__ import annotations

from collections import deque
from typing import Final

from vad_edge.fusion.machine import Level, LevelChange

MULTIPLE: Final = 10.0
"""How many times its budget, and how many alarms at least, a camera may spend before it is a flood."""

_WINDOW_S: Final = (3600.0, 86400.0)


class FloodLimiter:
    """Counts the alarms of one camera over about one interval of its budget, an hour to a day.

    During a flood new incidents are rolled up: they are stored, and one condition is told instead of all of
    them. What was announced before is told to its end.
    """

    def __init__(self, alarms_per_hour: float) -> None:
        self.alarms_per_hour = alarms_per_hour
        self.window_s = min(max(3600.0 / alarms_per_hour, _WINDOW_S[0]), _WINDOW_S[1])
        self.limit = round(MULTIPLE * max(alarms_per_hour * self.window_s / 3600.0, 1.0))
        self._alarms: deque[float] = deque()
        self._rolled_up: str | None = None
        self._flooded = False

    def flooded(self, time_s: float) -> bool:
        """Whether there is a flood at `time_s`; it ends when half the limit is left in the window."""
        while self._alarms and time_s - self._alarms[0] > self.window_s:
            self._alarms.popleft()
        limit = self.limit / 2 if self._flooded else self.limit
        self._flooded = len(self._alarms) > limit
        return self._flooded

    def rolls_up(self, change: LevelChange) -> bool:
        """Take up a change of level; whether it is kept from being told."""
        if change.level is Level.ALARM:
            self._alarms.append(change.time_s)
        if self.flooded(change.time_s) and change.kind == "opened":
            self._rolled_up = change.incident
        return change.incident == self._rolled_up
