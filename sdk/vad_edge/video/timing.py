"""When a frame was taken: from the time stamps of a container or stream, checked against rate and arrival."""

from __future__ import annotations

import math
from typing import Final

STAMP_STEP_S: Final = 0.001
"""The coarsest step in which containers count: Matroska's millisecond."""
USUAL_FPS: Final = 25.0
MAX_LAG_S: Final = 2.0
"""A live frame that is older than this by its stamp has a stamp that cannot be trusted."""
CLOCK_DRIFT: Final = 0.001
"""How fast a camera's clock may go wrong against ours."""
MAX_BACKLOG_S: Final = 2.0
"""A stream that has sent what it had buffered for so long is taken as it comes."""


class RecordingTimes:
    """Media times of a recording's frames, from the first one at 0.

    A frame's time is its stamp. A stamp that is a constant rate's, up to the step in which the container
    counts, is taken as that rate's: n / fps. Where stamps are missing or fall, time goes on by one period.
    fps is what the container says. With override_fps stamps count for nothing.
    """

    def __init__(self, fps: float | None, *, override_fps: float | None = None) -> None:
        self._rate = override_fps or fps or USUAL_FPS
        self._stamped = override_fps is None
        self._index = -1
        self._time_s = self._origin_s = 0.0
        self._stamp_s = -math.inf

    def next(self, stamp_s: float | None) -> float:
        """The time of the next frame, whose stamp is `stamp_s`: seconds from any origin, None without one."""
        self._index += 1
        even_s = self._index / self._rate
        if not self._stamped:
            return even_s
        time_s = 0.0 if self._index == 0 else self._time_s + 1.0 / self._rate
        if stamp_s is not None:
            if self._index and stamp_s > self._stamp_s:
                time_s = stamp_s - self._origin_s
            else:
                self._origin_s = stamp_s - time_s
            self._stamp_s = stamp_s
        self._time_s = even_s if abs(time_s - even_s) <= STAMP_STEP_S else max(time_s, self._time_s)
        return self._time_s


class LiveTimes:
    """Run-clock times of a live source's frames: when they were taken, and not when we got round to them.

    The stream's own stamps say how far apart frames are; the quickest arrivals say where that lies on our
    clock. Without stamps a frame was taken when it came.
    """

    def __init__(self) -> None:
        self._offset_s = math.nan
        self._stamp_s = -math.inf
        self._arrived_s = self._last_s = -math.inf

    def next(self, arrived_s: float, stamp_s: float | None) -> float:
        """The time of a frame that came at `arrived_s`, never before the last one's."""
        time_s = arrived_s
        if stamp_s is not None:
            if stamp_s > self._stamp_s:
                time_s = self._by_stamp(arrived_s, stamp_s)
            else:
                self._offset_s = math.nan
            self._stamp_s = stamp_s
        self._arrived_s = arrived_s
        self._last_s = max(time_s, self._last_s)
        return self._last_s

    def _by_stamp(self, arrived_s: float, stamp_s: float) -> float:
        quickest_s = arrived_s - stamp_s
        if math.isnan(self._offset_s):
            self._offset_s = quickest_s
        else:
            drift_s = CLOCK_DRIFT * (arrived_s - self._arrived_s)
            self._offset_s = min(self._offset_s + drift_s, quickest_s)
            if quickest_s - self._offset_s > MAX_LAG_S:
                self._offset_s = quickest_s
        return stamp_s + self._offset_s


class Backlog:
    """Tells frames that a stream had buffered when it was opened from those that come as they are taken."""

    def __init__(self, fps: float | None) -> None:
        self._period_s = 1.0 / (fps or USUAL_FPS)
        self._began_s = self._before_s = math.nan

    def holds(self, arrived_s: float) -> bool:
        """Whether the frame that came at `arrived_s` was waiting: it came sooner than half a period after."""
        if math.isnan(self._began_s):
            self._began_s = self._before_s = arrived_s
            return True
        waited_s, self._before_s = arrived_s - self._before_s, arrived_s
        return waited_s < 0.5 * self._period_s and arrived_s - self._began_s < MAX_BACKLOG_S
