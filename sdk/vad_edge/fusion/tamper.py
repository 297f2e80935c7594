"""When a camera that sees nothing of its scene has been tampered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from vad_edge.common.ids import new_id
from vad_edge.config.site import TamperConfig
from vad_edge.video.validity import Validity

TamperKind = Literal["tampered", "restored"]

FORGIVEN_S: Final = 1.0
"""A picture that is well for less than this between two that are not has not been well."""
RESTORED_S: Final = 5.0
GAP_S: Final = 5.0
"""Over a longer time without a frame, and when the clock steps back, nothing is concluded."""
LOSS_EVERY_S: Final = 600.0
"""A camera whose stream breaks off again and again is no new tamper each time."""


@dataclass(frozen=True, slots=True)
class TamperChange:
    """A tamper that began or ended: since when the picture was not well, and what was wrong with it."""

    kind: TamperKind
    incident: str
    since_s: float
    time_s: float
    reason: str


class TamperWatch:
    """Follows the verdicts on one camera's frames; knows no clock but their times.

    Covered or moved for after_s is a tamper, black for black_after_s where that is given. Frozen, out of
    focus and jumps of the exposure say nothing either way. A camera that is lost in an incident is one, too.
    It is over when the picture has been well for `RESTORED_S`.
    """

    def __init__(self, config: TamperConfig, *, new_incident: Callable[[], str] = new_id) -> None:
        self._config = config
        self._new_incident = new_incident
        self._bad_s: float | None = None
        self._black_s: float | None = None
        self._good_s: float | None = None
        self._last_s: float | None = None
        self._lost_s: float | None = None
        self._incident: str | None = None
        self.reason = ""

    @property
    def incident(self) -> str | None:
        """The id of the tamper that goes on, None while there is none."""
        return self._incident

    def update(self, time_s: float, validity: Validity) -> TamperChange | None:
        """The change this verdict brings, if any."""
        last_s, self._last_s = self._last_s, time_s
        if last_s is not None and not 0.0 <= time_s - last_s <= GAP_S:
            self._bad_s = self._black_s = self._good_s = None
        if validity.ok:
            return self._well(time_s)
        limits = {
            "covered": self._config.after_s,
            "moved": self._config.after_s,
            "black": self._config.black_after_s,
        }
        after_s = limits.get(validity.reason)
        if after_s is None:
            return None
        self._good_s = None
        black = validity.reason == "black"
        if black:
            self._black_s = time_s if self._black_s is None else self._black_s
        else:
            self._black_s = None
            self._bad_s = time_s if self._bad_s is None else self._bad_s
        since_s = self._black_s if black else self._bad_s
        if self._incident is not None or since_s is None or time_s - since_s < after_s:
            return None
        return self._begin(since_s, time_s, f"{validity.reason}: {validity.detail}")

    def lose(self, since_s: float, time_s: float, detail: str) -> TamperChange | None:
        """The camera is lost in an incident, with no frame since `since_s`; the change, if a tamper."""
        recent = self._lost_s is not None and time_s - self._lost_s < LOSS_EVERY_S
        if self._incident is not None or recent:
            return None
        self._lost_s = time_s
        return self._begin(since_s, time_s, f"lost: {detail}")

    def stand_down(self, time_s: float) -> TamperChange | None:
        """Forget what has built up; the change that ends the tamper under way, if there is one."""
        since_s = self._bad_s if self._bad_s is not None else self._black_s
        self._bad_s = self._black_s = self._good_s = None
        incident, self._incident, reason, self.reason = self._incident, None, self.reason, ""
        if incident is None:
            return None
        return TamperChange("restored", incident, time_s if since_s is None else since_s, time_s, reason)

    def _begin(self, since_s: float, time_s: float, reason: str) -> TamperChange:
        self._incident, self.reason = self._new_incident(), reason
        return TamperChange("tampered", self._incident, since_s, time_s, reason)

    def _well(self, time_s: float) -> TamperChange | None:
        self._good_s = time_s if self._good_s is None else self._good_s
        well_s = time_s - self._good_s
        if self._incident is not None:
            return self.stand_down(time_s) if well_s >= RESTORED_S else None
        if well_s >= FORGIVEN_S:
            self._bad_s = self._black_s = None
        return None
