"""`events.jsonl`: one CloudEvent a line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO

from vad_edge.events.event import Event, to_cloudevent
from vad_edge.report.observer import Observer


class EventLines(Observer):
    """Writes events as lines of JSON to an open stream, each at once; the stream stays the caller's."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def on_event(self, event: Event) -> None:
        """Append one line."""
        self._stream.write(json.dumps(to_cloudevent(event), ensure_ascii=False) + "\n")
        self._stream.flush()


class EventsFile(EventLines):
    """`EventLines` in a file of its own, after those of earlier runs."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = _is_torn(path)
        self._file = path.open("a", encoding="utf-8")
        super().__init__(self._file)
        if torn:
            self._file.write("\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _is_torn(path: Path) -> bool:
    """Whether the last line has no end, as after a power cut: what follows would be lost with it."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
