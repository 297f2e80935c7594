"""Which evidence has to go, and why."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Reason = Literal["age", "size", "disk space"]

CLOCK_STEP_S = 60.0
"""A wall clock that is off by more than this from what was noted has been set since."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment: wall time in Unix seconds, the id of the boot, and seconds since that boot."""

    wall_s: float
    boot: str
    boot_s: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of evidence, as retention sees it. seq rises in the order of keeping."""

    seq: int
    bytes: int
    at: Instant


@dataclass(frozen=True, slots=True)
class Limits:
    """max_age_s is hard, max_bytes is for all evidence together, floor_bytes is disk that must stay free."""

    max_age_s: float
    max_bytes: int
    floor_bytes: int


UNLIMITED = Limits(math.inf, sys.maxsize, 0)


def age_s(kept: Instant, now: Instant) -> float:
    """How old something is. Within one boot the wall clock is not asked; what lies in the future is 0 old."""
    if kept.boot == now.boot:
        return max(now.boot_s - kept.boot_s, 0.0)
    return max(now.wall_s - kept.wall_s, 0.0)


def redated(kept: Instant, now: Instant) -> Instant:
    """The instant with the wall time it had by the clock of now, if the clock has been set since.

    Only this boot can tell; what another boot noted stays as it is.
    """
    if kept.boot != now.boot:
        return kept
    wall_s = now.wall_s - (now.boot_s - kept.boot_s)
    return replace(kept, wall_s=wall_s) if abs(wall_s - kept.wall_s) > CLOCK_STEP_S else kept


def doomed(kept: Sequence[Kept], now: Instant, limits: Limits, free_bytes: int) -> list[tuple[Kept, Reason]]:
    """What has to go, oldest first: first what is too old, then what is too much.

    kept is in the order of keeping, which a clock that jumps does not change.
    """
    gone: list[tuple[Kept, Reason]] = []
    left: list[Kept] = []
    for entry in kept:
        if age_s(entry.at, now) > limits.max_age_s:
            gone.append((entry, "age"))
        else:
            left.append(entry)
    used = sum(entry.bytes for entry in left)
    free = free_bytes + sum(entry.bytes for entry, _ in gone)
    for entry in left:
        if used > limits.max_bytes:
            gone.append((entry, "size"))
        elif free < limits.floor_bytes:
            gone.append((entry, "disk space"))
        else:
            break
        used -= entry.bytes
        free += entry.bytes
    return gone
