"""The number of the next birth, which goes on counting over restarts."""

from __future__ import annotations

import logging
from pathlib import Path

from vad_edge.bundle.atomic import write_atomically

_log = logging.getLogger(__name__)


class BirthCounter:
    """Counts connects from 0 to 255 and round again, so that no death is taken for that of another birth."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._last = int(path.read_text(encoding="ascii")) % 256
        except (OSError, ValueError):
            self._last = 255

    def next(self) -> int:
        """The next number; a disk that fails is logged, since the connection must be made."""
        self._last = (self._last + 1) % 256
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, str(self._last).encode())
        except OSError as error:
            _log.error("%s cannot be written, a restart will count births anew: %s", self._path, error)
        return self._last
