"""What this machine draws, where it tells: a Jetson's power monitors, or a PC's energy counters.

Never run on hardware: the layouts are those of the kernel's drivers and of what boards were seen to show.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

from vad_edge.common.sysfs import text

SAMPLE_S: Final = 0.05
_SYSFS: Final = Path("/sys")
_RAILS: Final = (("VDD_IN",), ("VIN",), ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"))
"""Rails that together are all of a module: of Orin NX and Nano, of Thor, of AGX Orin."""
_CHANNELS: Final = range(1, 4)


@dataclass(frozen=True, slots=True)
class Energy:
    """What was drawn in so many seconds, and by what: ``VDD_IN`` is a whole board, ``package-0`` a CPU."""

    joules: float
    seconds: float
    source: str

    @property
    def watts(self) -> float:
        """The mean power."""
        return self.joules / self.seconds


class EnergySource(Protocol):
    """Counts energy from when it was made."""

    @property
    def name(self) -> str:
        """What it measures."""
        ...

    def joules(self) -> float:
        """The energy so far; the more often it is asked, the truer. Raises OSError or ValueError."""
        ...


class Rails:
    """Power that monitors measure at a moment, summed up over time."""

    def __init__(
        self, name: str, watts: Sequence[Callable[[], float]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Sum over `watts`, each of which measures one rail. Raises OSError or ValueError."""
        self.name = name
        self._watts, self._clock = watts, clock
        self._joules = 0.0
        self._last = clock(), self._power()

    def joules(self) -> float:
        """The energy so far, a straight line from one measurement to the next."""
        (before, was), (now, watts) = self._last, (self._clock(), self._power())
        self._joules += (now - before) * (was + watts) / 2
        self._last = now, watts
        return self._joules

    def _power(self) -> float:
        return sum(watts() for watts in self._watts)


class Counters:
    """Energy that the machine counts itself, in microjoules that start again at 0 after a largest value."""

    def __init__(self, name: str, counters: Sequence[tuple[Path, int]]) -> None:
        """Sum over files, each with the largest value it shows. Raises OSError or ValueError."""
        self.name = name
        self._counters = counters
        self._joules = 0.0
        self._last = self._read()

    def joules(self) -> float:
        """The energy so far; asked at least once while a counter goes round."""
        now = self._read()
        for before, count, (_, largest) in zip(self._last, now, self._counters, strict=True):
            went = count - before if count >= before else count + largest - before
            self._joules += went / 1e6
        self._last = now
        return self._joules

    def _read(self) -> list[int]:
        return [_number(path) for path, _ in self._counters]


def find_source(sysfs: Path = _SYSFS) -> EnergySource | None:
    """The energy of the whole board, or else of its CPUs; None where it is not told, or not to this user."""
    for find in (_find_rails, _find_counters):
        try:
            source = find(sysfs)
        except (OSError, ValueError):  # since Linux 5.10 only root reads the counters of a CPU
            continue
        if source is not None:
            return source
    return None


class EnergyMeter:
    """Counts what is drawn inside a ``with``; `energy` has it afterwards, None where it could not be read."""

    def __init__(self, source: EnergySource, sample_s: float = SAMPLE_S) -> None:
        self.energy: Energy | None = None
        self._source, self._sample_s = source, sample_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="energy", daemon=True)
        self._failed = False

    def __enter__(self) -> EnergyMeter:
        self._began, self._before = time.monotonic(), self._ask()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        joules, seconds = self._ask() - self._before, time.monotonic() - self._began
        if not self._failed and seconds > 0:
            self.energy = Energy(joules, seconds, self._source.name)

    def _sample(self) -> None:
        while not self._stop.wait(self._sample_s):
            self._ask()

    def _ask(self) -> float:
        try:
            return self._source.joules()
        except (OSError, ValueError):
            self._failed = True
            return 0.0


def _find_rails(sysfs: Path) -> EnergySource | None:
    rails: dict[str, Callable[[], float]] = {}
    for folder in sorted((sysfs / "class/hwmon").glob("hwmon*")):
        if text(folder / "name") == "ina238" and (folder / "power1_input").exists():
            rails["VIN"] = _microwatts(folder / "power1_input")
        for channel in _CHANNELS:
            label = text(folder / f"in{channel}_label")
            volts, amperes = folder / f"in{channel}_input", folder / f"curr{channel}_input"
            if label and volts.exists() and amperes.exists():
                rails[label] = _product(volts, amperes)
    for names in _RAILS:
        if all(name in rails for name in names):
            return Rails("+".join(names), [rails[name] for name in names])
    return None


def _find_counters(sysfs: Path) -> EnergySource | None:
    zones = {
        name: (folder / "energy_uj", _number(folder / "max_energy_range_uj"))
        for folder in sorted((sysfs / "class/powercap").glob("intel-rapl:*"))
        if (name := text(folder / "name")).startswith("package-")
    }
    return Counters("+".join(zones), list(zones.values())) if zones else None


def _product(millivolts: Path, milliamperes: Path) -> Callable[[], float]:
    return lambda: _number(millivolts) * _number(milliamperes) / 1e6


def _microwatts(path: Path) -> Callable[[], float]:
    return lambda: _number(path) / 1e6


def _number(path: Path) -> int:
    return int(path.read_text())


CONFIGURATION: Final = "etc/nvpmodel.conf"
STATUS: Final = "var/lib/nvpmodel/status"
"""Written by nvpmodel itself: ``pmode:0002``. It is missing until a mode was chosen."""

_MODEL: Final = re.compile(r"^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", re.MULTILINE)
_DEFAULT: Final = re.compile(r"^<\s*PM_CONFIG\s+DEFAULT=(\d+)\s*>", re.MULTILINE)
_CHOSEN: Final = re.compile(r"\bpmode:(\d+)")


@dataclass(frozen=True, slots=True)
class PowerMode:
    """The mode a board is in, and all it has, in the file's order."""

    name: str
    known: tuple[str, ...]


def read_power_mode(root: Path) -> PowerMode | None:
    """The mode of the machine whose files lie below `root`; None for one that is no Jetson."""
    configuration = text(root / CONFIGURATION)
    names = modes(configuration)
    if not names:
        return None
    chosen = _CHOSEN.search(text(root / STATUS)) or _DEFAULT.search(configuration)
    number = int(chosen[1]) if chosen else -1
    return PowerMode(names.get(number, "unknown"), tuple(names.values()))


def modes(configuration: str) -> Mapping[int, str]:
    """The modes of an nvpmodel.conf by number; what is commented out does not count."""
    return {int(number): name for number, name in _MODEL.findall(configuration)}
