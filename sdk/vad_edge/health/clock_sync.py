"""Whether a time service keeps this machine's wall clock, and whether time stamps may be believed."""

from __future__ import annotations

import ctypes
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

STAMP_TOLERANCE_S: Final = 1.0
"""A stamp further from a clock that is kept comes from before that clock was set."""

_STA_UNSYNC: Final = 0x40
_TIMESYNCD: Final = Path("/run/systemd/timesync")


class _Timex(ctypes.Structure):
    """The head of Linux's ``struct timex``, and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def clock_synced(timesyncd: Path = _TIMESYNCD) -> bool | None:
    """Whether a time service keeps the wall clock; None where this machine does not tell.

    timesyncd is the folder in which systemd's own time service says so.
    """
    return kept(kernel_status(), service=timesyncd.is_dir(), marked=(timesyncd / "synchronized").exists())


def kept(status: int | None, *, service: bool, marked: bool) -> bool | None:
    """What the kernel's clock status (None where it may not be asked) and systemd's time service say.

    The kernel counts for more: it forgets a service that has been silent for hours, a mark stays. service is
    whether systemd's is there at all, marked whether it has found the time since boot.
    """
    if status is not None:
        return not status & _STA_UNSYNC
    return marked if service else None


def stamps_true(stamp: datetime, now: datetime, synced: bool | None) -> bool | None:
    """Whether a clock that shows `stamp` while the wall clock shows `now` gives true time stamps.

    synced is what `clock_synced` says of the wall clock; without its word there is none on stamps.
    """
    if not synced:
        return synced
    return abs((stamp - now).total_seconds()) <= STAMP_TOLERANCE_S


def kernel_status() -> int | None:
    """The status bits of Linux's clock; None on another system, or where asking is forbidden."""
    if sys.platform != "linux":
        return None
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):
        return None
    found = _Timex(modes=0)
    return None if adjtimex(ctypes.byref(found)) < 0 else int(found.status)
