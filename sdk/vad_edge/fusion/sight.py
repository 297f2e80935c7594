"""What it means for the level that a camera sees nothing: no frame is not a calm frame."""

from __future__ import annotations

import math
from typing import Final, Literal

Holding = Literal["free", "held", "lost", "acknowledged"]

FIRST_FRAME_S: Final = 10.0
"""A stream may take so long to begin."""
RETURNED_S: Final = 1.0
"""Frames must come for so long before a camera that was lost is back."""


class Hold:
    """Keeps the level of a camera that went blind in an incident, for hold_s or until it is acknowledged.

    An incident that began while the camera was blind is its sensors' own and is not held.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._seen_s = -math.inf
        self._incident: str | None = None
        self._acknowledged = False

    def see(self, time_s: float, incident: str | None) -> None:
        """The camera has seen something at `time_s`; the incident is what it led to."""
        self._seen_s, self._incident, self._acknowledged = time_s, incident, False

    def acknowledge(self, incident: str) -> None:
        """A person knows of the incident: if it is held, it need not be any longer."""
        self._acknowledged = self._acknowledged or incident == self._incident

    def judge(self, time_s: float, incident: str | None) -> Holding:
        """What becomes of the incident under way while the camera sees nothing."""
        if incident is None or incident != self._incident:
            return "free"
        if self._acknowledged:
            return "acknowledged"
        return "lost" if time_s - self._seen_s >= self._hold_s else "held"


def lost_after_s(fps: float) -> float:
    """How long a live camera that gives `fps` frames a second may give none before it is lost.

    >>> [lost_after_s(fps) for fps in (25.0, 8.0, 2.0)]
    [1.0, 1.25, 2.0]
    """
    return min(max(10.0 / fps, 1.0), 2.0) if fps > 0 else 2.0


class Presence:
    """Whether the frames of a live camera come; knows no clock but the times it is given."""

    def __init__(self) -> None:
        self.lost = False
        self._last_s: float | None = None
        self._flows_since_s: float | None = None
        self._began_s: float | None = None

    def rest(self) -> None:
        """The camera is not asked for frames: whether it is there is not known."""
        self.lost = False
        self._last_s = self._flows_since_s = self._began_s = None

    def update(self, now_s: float, frame_s: float | None, fps: float, *, failed: bool) -> bool:
        """Whether the camera is lost at `now_s`. frame_s is the newest frame's time, None without one.

        failed says that its source cannot be read: a camera that has given no frame is then lost at once.
        """
        limit_s = lost_after_s(fps)
        self._began_s = now_s if self._began_s is None else self._began_s
        if frame_s is not None and frame_s != self._last_s:
            if self._last_s is None or frame_s - self._last_s > limit_s or self._flows_since_s is None:
                self._flows_since_s = frame_s
            self._last_s = frame_s
        if self._last_s is None:
            self.lost = failed or now_s - self._began_s > FIRST_FRAME_S
            return self.lost
        if now_s - self._last_s > limit_s:
            self.lost, self._flows_since_s = True, None
        elif self._flows_since_s is not None and self._last_s - self._flows_since_s >= RETURNED_S:
            self.lost = False
        return self.lost
