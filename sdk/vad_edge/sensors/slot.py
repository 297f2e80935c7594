"""Which part of a stream's normal life a moment belongs to: the hour of the day, and the context."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def slot_of(moment: datetime, contexts: Iterable[tuple[str, bool | None]]) -> str:
    """The slot of a moment in local time; contexts are (stream, on), None while unknown.

    >>> slot_of(datetime(2026, 1, 2, 9, 30), [("lights", True)])
    '09 lights=on'
    """
    words = {True: "on", False: "off", None: "?"}
    return " ".join([f"{moment.hour:02d}", *(f"{name}={words[on]}" for name, on in contexts)])
