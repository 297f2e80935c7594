"""What NVIDIA's tools print, read: how far they are, and why they failed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vad_edge.common.verdict import Verdict

_PERCENT: Final = re.compile(r"(\d{1,3})%")
_STEP: Final = re.compile(r"Step (\d+): ([^*]+)")
_PART: Final = re.compile(r"(?:Starting to flash to|Start flashing|Writing partition)\s+\S+", re.I)

_AGAIN: Final = "put the board into recovery mode again, then run the same command"
_FAILURES: Final[tuple[tuple[str, str, str], ...]] = (
    ("No Jetson device found", "the board is not in recovery mode any more", _AGAIN),
    ("Too many Jetson devices found", "more than one board is in recovery mode", "connect one only"),
    ("ECID read failed", "the board does not answer: its recovery mode is used up by one try", _AGAIN),
    ("probing the target board failed", "the board does not answer over USB", _AGAIN),
    ("Target board not found", "the tools know no board with that EEPROM", "check module and carrier"),
    ("Device failed to boot to the initrd", "the board did not start the flashing system", _AGAIN),
    ("might be timeout in USB write", "the USB connection broke", _AGAIN),
    ("Timeout", "the board stopped answering over USB: try another cable and port", _AGAIN),
    ("No space left on device", "the disk of this machine is full", "make room, then run the same command"),
    ("Permission denied", "the tools may not read or write something", "run it with sudo"),
    (
        "is not installed",
        "a program is missing",
        "run tools/l4t_flash_prerequisites.sh",
    ),
    ("command not found", "a program is missing", "run tools/l4t_flash_prerequisites.sh"),
    ("No such file or directory", "a file is missing", "run apply_binaries.sh, or unpack the BSP again"),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a tool is: what it does now, and how much of that is done where it says so (0 to 1)."""

    phase: str
    share: float | None = None


def read_progress(line: str) -> Progress | None:
    """What one line says of the progress; None for a line that says nothing."""
    if match := _STEP.search(line):
        return Progress(f"step {match[1]}: {match[2].strip()}")
    if match := _PART.search(line):
        return Progress(match[0].strip(".,:"))
    if (match := _PERCENT.search(line)) and int(match[1]) <= 100:
        return Progress("", int(match[1]) / 100)
    return None


def explain_failure(lines: Sequence[str], code: int) -> Verdict:
    """Why a tool ended with `code`, from the last lines it printed; the newest known message counts."""
    for line in reversed(lines):
        for text, reason, fix in _FAILURES:
            if text.lower() in line.lower():
                return Verdict(False, f"{reason} ({line.strip()})", fix)
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return Verdict(False, f"it ended with {code}: {last}", "read the log")
