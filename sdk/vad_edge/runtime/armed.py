"""What was asked of the cameras, kept over restarts."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from vad_edge.bundle.atomic import write_atomically
from vad_edge.runtime.arming import Asked

_log = logging.getLogger(__name__)


class ArmedFile:
    """A small JSON file beside the event store.

    What cannot be read counts as armed: better an alarm too many. `problem` then says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problem = ""
        self._asked = self._read()

    def asked(self, camera: str) -> Asked:
        """What was asked of the camera; nothing of one that nobody has ever armed or disarmed."""
        return self._asked.get(camera, Asked())

    def remember(self, camera: str, asked: Asked) -> None:
        """Keep it on the disk. Raises OSError where that does not work."""
        self._asked = {**self._asked, camera: asked}
        content = {name: _plain(each) for name, each in self._asked.items()}
        write_atomically(self._path, json.dumps(content, sort_keys=True).encode())
        self.problem = ""

    def _read(self) -> Mapping[str, Asked]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(content, dict):
                return {name: _asked(entry) for name, entry in content.items()}
            reason = "it holds something else"
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            reason = str(error)
        self.problem = f"{self._path} cannot be read ({reason}): every camera is armed"
        _log.error("%s", self.problem)
        return {}


def _plain(asked: Asked) -> dict[str, Any]:
    return {
        "armed": asked.armed,
        "at": None if asked.at is None else asked.at.isoformat(),
        "maintenance_until": None if asked.maintenance_until is None else asked.maintenance_until.isoformat(),
        "maintenance_minutes": asked.maintenance_minutes,
    }


def _asked(entry: Any) -> Asked:
    """What one entry says; a plain truth value is from before there were schedules. Raises ValueError."""
    if isinstance(entry, bool):
        return Asked(armed=entry)
    try:
        armed, minutes = entry["armed"], entry["maintenance_minutes"]
        times = [
            None if entry[key] is None else datetime.fromisoformat(entry[key])
            for key in ("at", "maintenance_until")
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{entry!r} says nothing about a camera") from error
    known = armed is None or isinstance(armed, bool)
    if not known or not isinstance(minutes, int) or any(time and time.tzinfo is None for time in times):
        raise ValueError(f"{entry!r} says nothing about a camera")
    return Asked(armed, times[0], times[1], minutes)
