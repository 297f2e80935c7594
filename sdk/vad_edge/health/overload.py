"""What to give up where a machine is too hot or too slow, and when to take it back; decided on plain data."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vad_edge.health.thermal import Thermal, Zone

HOLD_S: Final = 10.0
"""An overload that lasts so long is answered; a shorter one passes by itself."""
SETTLE_S: Final = 30.0
"""Heat and load follow a change only after a while: the next one waits for it."""
RECOVER_S: Final = 300.0
LONGEST_S: Final = 3600.0

Measure = Literal["slow", "shed"]


@dataclass(frozen=True, slots=True)
class Watched:
    """A camera as the budget sees it: the higher its priority, the longer it is watched in full.

    can_slow says that it is calibrated at a lower frame rate too.
    """

    name: str
    priority: int = 0
    can_slow: bool = False


@dataclass(frozen=True, slots=True)
class Relief:
    """One thing given up: a camera runs at its lower rate, or is not watched."""

    camera: str
    measure: Measure


@dataclass(frozen=True, slots=True)
class Overload:
    """How the machine copes. eased says that it is cool and has time to spare, not only that it copes."""

    hot: bool = False
    late: bool = False
    eased: bool = False


def ladder(cameras: Sequence[Watched]) -> tuple[Relief, ...]:
    """All that can be given up, in order: the least important camera first, frame rates before cameras.

    Of cameras of one priority the later goes first. The most important one is never shed.
    """
    order = [camera for _, camera in sorted(enumerate(cameras), key=lambda at: (at[1].priority, -at[0]))]
    slowed = tuple(Relief(camera.name, "slow") for camera in order if camera.can_slow)
    return (*slowed, *(Relief(camera.name, "shed") for camera in order[:-1]))


class OverloadLadder:
    """Goes down the ladder one rung at a time while the overload lasts, and up again when it has eased.

    It goes up after recover_s of ease; where that was too early, it waits twice as long the next time, at
    most longest_s. Times are those of any clock that only goes forward.
    """

    def __init__(
        self,
        cameras: Sequence[Watched],
        *,
        hold_s: float = HOLD_S,
        settle_s: float = SETTLE_S,
        recover_s: float = RECOVER_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._ladder = ladder(cameras)
        self._hold_s, self._settle_s = hold_s, settle_s
        self._recover_s, self._longest_s = recover_s, longest_s
        self._wait_s = recover_s
        self._reliefs: list[Relief] = []
        self._since_s: float | None = None
        self._eased_s: float | None = None
        self._changed_s = self._raised_s = -math.inf

    @property
    def reliefs(self) -> tuple[Relief, ...]:
        """What is given up now, in the order it was."""
        return tuple(self._reliefs)

    @property
    def exhausted(self) -> bool:
        """Whether nothing more can be given up."""
        return len(self._reliefs) == len(self._ladder)

    def update(self, now_s: float, overload: Overload, busy: Collection[str] = ()) -> bool:
        """Take note of how the machine copes now; whether `reliefs` changed.

        busy are the cameras in the middle of an incident: nothing of theirs is taken away or exchanged.
        """
        overloaded = overload.hot or overload.late
        self._since_s = (now_s if self._since_s is None else self._since_s) if overloaded else None
        eased = overload.eased and not overloaded
        self._eased_s = (now_s if self._eased_s is None else self._eased_s) if eased else None
        if now_s - self._changed_s < self._settle_s:
            return False
        if self._since_s is not None and now_s - self._since_s >= self._hold_s:
            return self._go_down(now_s, busy)
        if self._eased_s is not None and now_s - self._eased_s >= self._wait_s:
            return self._go_up(now_s, busy)
        return False

    def forget_rates(self) -> None:
        """No camera has another rate any more, as after a change of engine; slowed ones are not."""
        self._ladder = tuple(relief for relief in self._ladder if relief.measure != "slow")
        self._reliefs = [relief for relief in self._reliefs if relief.measure != "slow"]

    def _go_down(self, now_s: float, busy: Collection[str]) -> bool:
        for relief in self._ladder:
            if relief not in self._reliefs and relief.camera not in busy:
                self._reliefs.append(relief)
                if now_s - self._raised_s < self._wait_s:
                    self._wait_s = min(2.0 * self._wait_s, self._longest_s)
                self._changed_s = now_s
                return True
        return False

    def _go_up(self, now_s: float, busy: Collection[str]) -> bool:
        for relief in reversed(self._reliefs):
            if relief.camera not in busy or relief.measure == "shed":
                self._reliefs.remove(relief)
                self._changed_s = self._raised_s = self._eased_s = now_s
                return True
        if not self._reliefs:
            self._wait_s = self._recover_s
        return False


HOT_MARGIN_C: Final = 2.0
"""Too hot begins so far below where the kernel would slow the machine down unasked."""
COOL_MARGIN_C: Final = 8.0
LATE: Final = 0.95
"""A loop that spends more of its time than this on frames has none left to wait for the next."""
CALM: Final = 0.85
ROOMY: Final = 0.75


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near a zone is to one of its limits, limit_c as whoever set it knows it.

    A limit of the user's own is one to stay below at once, so the margin of the kernel's is added to room_c.
    """

    room_c: float
    zone: Zone
    limit_c: float


def overload_of(thermal: Thermal | None, busy: float, hot_c: float | None, *, before: Overload) -> Overload:
    """How the machine copes: thermal None before the first look, busy the loop's share of time on frames.

    hot_c is a limit of the user's own. What was hot or late before is so until it is well below its limit.
    """
    nearest = None if thermal is None else nearest_limit(thermal, hot_c)
    slowed = thermal is not None and bool(thermal.slowed_by)
    cool = not slowed and (nearest is None or nearest.room_c >= COOL_MARGIN_C)
    hot = slowed or (nearest is not None and nearest.room_c <= HOT_MARGIN_C) or (before.hot and not cool)
    late = busy >= LATE or (before.late and busy >= CALM)
    return Overload(hot=hot, late=late, eased=cool and busy < ROOMY)


def nearest_limit(thermal: Thermal, hot_c: float | None) -> Nearness | None:
    """The zone nearest to a limit, its kernel's or the user's own; None where there is none."""
    return min(_nearnesses(thermal, hot_c), key=lambda each: each.room_c, default=None)


def heat_of(thermal: Thermal, hot_c: float | None) -> str:
    """What is hot, in words."""
    if thermal.slowed_by:
        return f"its kernel slows it down ({', '.join(thermal.slowed_by)})"
    nearest = nearest_limit(thermal, hot_c)
    if nearest is None:
        return "it is hot"
    zone = nearest.zone
    return f"{zone.name} is at {zone.celsius:.0f} °C, its limit is {nearest.limit_c:.0f}"


def _nearnesses(thermal: Thermal, hot_c: float | None) -> Iterator[Nearness]:
    for zone in thermal.zones:
        if zone.slows_at_c is not None:
            yield Nearness(zone.slows_at_c - zone.celsius, zone, zone.slows_at_c)
        if hot_c is not None:
            yield Nearness(hot_c + HOT_MARGIN_C - zone.celsius, zone, hot_c)
