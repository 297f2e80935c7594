"""Names for incidents and events that never repeat and sort by the time they were made."""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_lock = threading.Lock()
_last_tick = 0


def new_id() -> str:
    """A UUID of version 7; those of one process rise strictly, even if the wall clock steps back."""
    global _last_tick
    with _lock:
        # Milliseconds and a 12-bit fraction of one, as RFC 9562 allows.
        _last_tick = max(_last_tick + 1, time.time_ns() * 4096 // 1_000_000)
        tick = _last_tick
    number = (tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=number))
