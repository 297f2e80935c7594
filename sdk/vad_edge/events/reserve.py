"""Disk space held back for the moment when there is none."""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

_log = logging.getLogger(__name__)

RESERVE_BYTES = 8 << 20
"""Room for a few thousand events and the log SQLite writes before them."""
_RETRY_S = 30.0


class Reserve:
    """A preallocated file that is given up when the disk is full, and taken again when there is room."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self.path = path
        self._size = size
        self._tried_s = -_RETRY_S

    @property
    def held(self) -> bool:
        """Whether the space is held back."""
        try:
            return self.path.stat().st_size == self._size
        except OSError:
            return False

    def hold(self) -> None:
        """Hold the space back if it is not, and there is as much again; looked at twice a minute."""
        if self.held or time.monotonic() - self._tried_s < _RETRY_S:
            return
        self._tried_s = time.monotonic()
        try:
            if shutil.disk_usage(self.path.parent).free < 2 * self._size:
                return
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as error:
            _log.warning("%s: no disk space could be held back: %s", self.path, error)

    def release(self) -> bool:
        """Give the space up; whether there was any."""
        if not self.held:
            return False
        try:
            self.path.unlink()
        except OSError:
            return False
        _log.error("%s: the disk is full; the space held back for events is used now", self.path.parent)
        self._tried_s = time.monotonic()
        return True
