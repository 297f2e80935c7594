"""When a machine is too hot or too slow, and when it has room again; decided on plain data."""

from __future__ import annotations

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


def strain_of(thermal: Thermal | None, busy: float, hot_c: float | None, *, before: Strain) -> Strain:
    """How the machine copes: thermal None while nobody has looked, busy the loop's share of time on frames.

    hot_c is a limit of the user's own. What was hot or late before is so until it is well below its limit.
    """
    below_c = None if thermal is None else room_c(thermal, hot_c)
    slowed = thermal is not None and bool(thermal.slowed_by)
    cool = not slowed and (below_c is None or below_c >= COOL_MARGIN_C)
    hot = slowed or (below_c is not None and below_c <= HOT_MARGIN_C) or (before.hot and not cool)
    late = busy >= LATE or (before.late and busy >= CALM)
    return Strain(hot=hot, late=late, eased=cool and busy < ROOMY)


def room_c(thermal: Thermal, hot_c: float | None) -> float | None:
    """How far the zone nearest to its limit is below it; None where no zone has one.

    A limit of the user's own is one to stay below at once, so the margin of the kernel's is added.
    """
    rooms = [limit - zone.celsius for zone in thermal.zones if (limit := _limit(zone, hot_c)) is not None]
    return min(rooms, default=None)


def heat_of(thermal: Thermal, hot_c: float | None) -> str:
    """What is hot, in words."""
    if thermal.slowed_by:
        return f"its kernel slows it down ({', '.join(thermal.slowed_by)})"
    limited = [
        (limit - zone.celsius, zone, limit) for zone in thermal.zones if (limit := _limit(zone, hot_c))
    ]
    if not limited:
        return "it is hot"
    _, zone, limit = min(limited, key=lambda each: each[0])
    return f"{zone.name} is at {zone.celsius:.0f} °C, its limit is {limit:.0f}"


def _limit(zone: Zone, hot_c: float | None) -> float | None:
    own = None if hot_c is None else hot_c + HOT_MARGIN_C
    limits = [limit for limit in (zone.slows_at_c, own) if limit is not None]
    return min(limits, default=None)
