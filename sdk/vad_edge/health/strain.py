"""When a machine is too hot or too slow, and when it has room again; decided on plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vad_edge.health.frame_budget import Strain
from vad_edge.health.thermal import Thermal, Zone

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


def strain_of(thermal: Thermal | None, busy: float, hot_c: float | None, *, before: Strain) -> Strain:
    """How the machine copes: thermal None while nobody has looked, busy the loop's share of time on frames.

    hot_c is a limit of the user's own. What was hot or late before is so until it is well below its limit.
    """
    nearest = None if thermal is None else nearest_limit(thermal, hot_c)
    slowed = thermal is not None and bool(thermal.slowed_by)
    cool = not slowed and (nearest is None or nearest.room_c >= COOL_MARGIN_C)
    hot = slowed or (nearest is not None and nearest.room_c <= HOT_MARGIN_C) or (before.hot and not cool)
    late = busy >= LATE or (before.late and busy >= CALM)
    return Strain(hot=hot, late=late, eased=cool and busy < ROOMY)


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
