"""A sink that appends each event to a file, as one line of JSON."""

from __future__ import annotations

import json
from pathlib import Path

from vad_edge import ConfigError, Event
from vad_edge.plugins import plugin, to_cloudevent


@plugin(api_version=1)
class FileSink:
    """``--sink mysink=events.jsonl``."""

    def __init__(self, argument: str) -> None:
        if not argument:
            raise ConfigError("no file is given", where="--sink mysink", fix="give mysink=FILE")
        self._file = Path(argument).open("a", encoding="utf-8")

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._file.write(json.dumps(to_cloudevent(event)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """The run is over."""
        self._file.close()
