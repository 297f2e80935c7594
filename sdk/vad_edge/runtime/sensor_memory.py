"""What the sensors have learned of their normal life, kept over restarts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vad_edge.common.state_file import StateFile
from vad_edge.runtime.component import Component
from vad_edge.sensors.hub import SensorHub

_log = logging.getLogger(__name__)

EVERY_S: Final = 300.0


class SensorMemory(Component):
    """A file beside the event store, written now and then by a thread: the loop never waits for a disk.

    What cannot be read is learned again.
    """

    def __init__(self, path: Path, hub: SensorHub) -> None:
        self._hub = hub
        self._file = StateFile(path, dict[str, Any])
        self._writer: threading.Thread | None = None
        self._written_s = 0.0

    def read(self) -> Mapping[str, Any]:
        """What was kept; nothing where there is no file, or none that can be read."""
        return self._file.read() or {}

    def on_tick(self, now: float) -> None:
        """Keep what is learned if it is time to; returns at once."""
        busy = self._writer is not None and self._writer.is_alive()
        if now - self._written_s < EVERY_S or busy:
            return
        self._written_s = now
        self._writer = threading.Thread(
            target=self.write, args=(self._hub.learned(),), name="learned", daemon=True
        )
        self._writer.start()

    def write(self, learned: Mapping[str, Any]) -> None:
        """Keep it now. A disk that does not take it is only logged: nothing is lost but what was learned."""
        try:
            self._file.write(dict(learned))
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._file.path, error)

    def close(self) -> None:
        """Keep it for the next run."""
        if self._writer is not None:
            self._writer.join()
        self.write(self._hub.learned())
