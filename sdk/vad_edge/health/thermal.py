"""How hot this machine is and whether it slows itself down, as the kernel's thermal framework tells it.

Never run on hardware: names are those of NVIDIA's documentation and of boards' published logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vad_edge.common.sysfs import number, text

NEAR_CRITICAL_C: Final = 10.0
"""Where a zone has no trip point to slow down at, this far below where it switches the machine off counts."""

_SLOWS: Final = re.compile(r".*-throttle-alert|(thermal-)?(cpufreq|devfreq)-.*|Processor")
"""Cooling devices that cool by slowing down. A fan does not, and ``hot-surface-alert`` only tells."""
_TRIPS: Final = range(16)


@dataclass(frozen=True, slots=True)
class Zone:
    """One sensor: its temperature, and where the kernel begins to slow the machine down for it.

    slows_at_c is None where the zone says nothing of it.
    """

    name: str
    celsius: float
    slows_at_c: float | None = None


@dataclass(frozen=True, slots=True)
class Thermal:
    """All sensors, and the cooling devices that slow the machine down now.

    overcurrents counts since boot how often a Jetson's supply gave way; None on another machine.
    """

    zones: tuple[Zone, ...] = ()
    slowed_by: tuple[str, ...] = ()
    overcurrents: int | None = None

    @property
    def hottest(self) -> Zone | None:
        """The zone nearest to being slowed down for, or the hottest where none says when."""
        limited = [zone for zone in self.zones if zone.slows_at_c is not None]
        if limited:
            return max(limited, key=lambda zone: zone.celsius - (zone.slows_at_c or 0.0))
        return max(self.zones, key=lambda zone: zone.celsius, default=None)


def read_thermal(sysfs: Path) -> Thermal:
    """What the kernel says now. A zone that cannot be read, as that of a GPU that sleeps, is left out."""
    folder = sysfs / "class/thermal"
    slowed_by = sorted(
        {
            kind
            for device in folder.glob("cooling_device*")
            if _SLOWS.fullmatch(kind := text(device / "type")) and (number(device / "cur_state") or 0) > 0
        }
    )
    return Thermal(tuple(_zones(folder)), tuple(slowed_by), _overcurrents(sysfs))


def _zones(folder: Path) -> Iterator[Zone]:
    for zone in sorted(folder.glob("thermal_zone*")):
        name, millidegrees = text(zone / "type"), number(zone / "temp")
        if name and millidegrees is not None:
            yield Zone(name, millidegrees / 1000.0, _slows_at(zone))


def _slows_at(zone: Path) -> float | None:
    """The lowest trip point at which frequencies fall; active ones only switch a fan on."""
    trips: dict[str, list[float]] = {}
    for place in _TRIPS:
        millidegrees = number(zone / f"trip_point_{place}_temp")
        if millidegrees is not None and millidegrees > 0:
            trips.setdefault(text(zone / f"trip_point_{place}_type"), []).append(millidegrees / 1000.0)
    if "passive" in trips:
        return min(trips["passive"])
    ends = [*trips.get("hot", ()), *trips.get("critical", ())]
    return min(ends) - NEAR_CRITICAL_C if ends else None


def _overcurrents(sysfs: Path) -> int | None:
    for folder in (sysfs / "class/hwmon").glob("hwmon*"):
        if text(folder / "name") == "soctherm_oc":
            return sum(number(path) or 0 for path in folder.glob("oc*_event_cnt"))
    return None
