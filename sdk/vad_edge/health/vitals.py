"""How the machine itself is: heat, power mode, load, memory, disk, clock; from sysfs and procfs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from vad_edge.common.sysfs import number
from vad_edge.health.clock_sync import clock_synced
from vad_edge.health.power import read_power_mode
from vad_edge.health.thermal import Thermal, read_thermal

EVERY_S: Final = 5.0
_GPU_LOADS: Final = (
    "sys/class/devfreq/*gpu*/device/load",
    "sys/class/devfreq/*.ga10b/device/load",
    "sys/devices/platform/gpu.0/load",
)
"""Where Orin's GPU driver tells its load, in thousandths. Thor's driver tells it nowhere in sysfs."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at the machine; what it does not tell is None.

    power_mode is a Jetson's. gpu_percent is known of Orin. clock_synced says whether a time service keeps
    the wall clock.
    """

    thermal: Thermal
    power_mode: str | None
    cpu_percent: float
    gpu_percent: float | None
    memory_percent: float
    memory_free_mb: int
    disk_free_mb: int | None
    clock_synced: bool | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        hottest, others = self.thermal.hottest, asdict(self)
        del others["thermal"]
        return {
            "temperatures_c": {zone.name: round(zone.celsius, 1) for zone in self.thermal.zones},
            "hottest_c": None if hottest is None else round(hottest.celsius, 1),
            "slows_at_c": None if hottest is None else hottest.slows_at_c,
            "slowed_by": list(self.thermal.slowed_by),
            "overcurrents": self.thermal.overcurrents,
            **others,
        }


def read_vitals(folder: Path, root: Path = Path("/")) -> Vitals:
    """Look at the machine below `root`; folder is what must not run full. Never raises."""
    memory = psutil.virtual_memory()
    mode = read_power_mode(root)
    return Vitals(
        thermal=read_thermal(root / "sys"),
        power_mode=None if mode is None else mode.name,
        cpu_percent=psutil.cpu_percent(),
        gpu_percent=gpu_percent(root),
        memory_percent=memory.percent,
        memory_free_mb=memory.available // 1_000_000,
        disk_free_mb=_free_mb(folder),
        clock_synced=clock_synced(),
    )


def gpu_percent(root: Path) -> float | None:
    """The load of the GPU that is part of the chip; None where its driver does not tell."""
    for pattern in _GPU_LOADS:
        for path in sorted(root.glob(pattern)):
            thousandths = number(path)
            if thousandths is not None:
                return thousandths / 10.0
    return None


def nearest_existing(folder: Path) -> Path:
    """The folder itself, or else the nearest one above it that is there: it is on the same disk."""
    # os and not Path.exists, which fails below a folder it may not look into.
    return next((path for path in (folder, *folder.parents) if os.path.exists(path)), folder)  # noqa: PTH110


def _free_mb(folder: Path) -> int | None:
    try:
        return psutil.disk_usage(str(nearest_existing(folder))).free // 1_000_000
    except OSError:
        return None


class VitalsMonitor:
    """Looks at the machine now and then in a thread: a zone may take milliseconds to answer.

    latest is the newest look, None before the first.
    """

    def __init__(self, look: Callable[[], Vitals], every_s: float = EVERY_S) -> None:
        self.latest: Vitals | None = None
        self._look, self._every_s = look, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vitals", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            self.latest = self._look()
            if self._stopping.wait(self._every_s):
                return
