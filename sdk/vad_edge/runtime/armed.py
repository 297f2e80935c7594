"""Which cameras are armed, kept over restarts."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from vad_edge.bundle.atomic import write_atomically

_log = logging.getLogger(__name__)


class ArmedFile:
    """A small JSON file beside the event store.

    What cannot be read counts as armed: better an alarm too many. `problem` then says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problem = ""
        self._armed = self._read()

    def armed(self, camera: str) -> bool:
        """Whether the camera is armed; one that nobody has ever disarmed is."""
        return self._armed.get(camera, True)

    def remember(self, camera: str, armed: bool) -> None:
        """Keep it on the disk. Raises OSError where that does not work."""
        self._armed = {**self._armed, camera: armed}
        write_atomically(self._path, json.dumps(self._armed, sort_keys=True).encode())
        self.problem = ""

    def _read(self) -> Mapping[str, bool]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(content, dict) and all(isinstance(value, bool) for value in content.values()):
                return content
            reason = "it holds something else"
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            reason = str(error)
        self.problem = f"{self._path} cannot be read ({reason}): every camera is armed"
        _log.error("%s", self.problem)
        return {}
