"""The four warning levels."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """How serious a situation is; higher is worse. Its text form is the lower-case name."""

    NORMAL = 0
    WATCH = 1
    WARNING = 2
    ALARM = 3

    def __str__(self) -> str:
        return self.name.lower()
