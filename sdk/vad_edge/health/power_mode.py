"""Which power mode a Jetson is in, by the name its own nvpmodel.conf gives it.

Numbers differ between modules, carriers and releases; the name is what people set and read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vad_edge.health.sysfs import text

CONFIGURATION: Final = "etc/nvpmodel.conf"
STATUS: Final = "var/lib/nvpmodel/status"
"""Written by nvpmodel itself: ``pmode:0002``. It is missing until somebody has chosen a mode."""

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
