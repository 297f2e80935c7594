"""`events.jsonl`: one CloudEvent a line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO

from vad_edge.common.whole_writes import Lines
from vad_edge.errors import OutputError
from vad_edge.events.event import Event, to_cloudevent
from vad_edge.report.observer import Observer


class EventLines(Observer):
    """Writes events as lines of JSON to an open stream, each at once; the stream stays the caller's."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def on_event(self, event: Event) -> None:
        """Append one line."""
        self._stream.write(event_line(event))
        self._stream.flush()


class EventsFile(Observer):
    """Writes the same lines into a file, after those of earlier runs.

    Lines that the disk does not take are counted, and the next is tried. Raises OSError where the file cannot
    be opened.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = _is_torn(path)
        self._lines = Lines(path, "a")
        file = self._lines.open()
        if torn:
            file.write(b"\n")

    @property
    def problem(self) -> str:  # type: ignore[override]
        """What is being lost; empty while nothing is."""
        return self._lines.loss if self._lines.failing else ""

    def on_event(self, event: Event) -> None:
        """Append one line."""
        self._lines.add(event_line(event))

    def close(self) -> None:
        """Finish the file. Raises OutputError where lines are missing."""
        self._lines.close()
        if self._lines.loss:
            raise OutputError(self._lines.loss)


def event_line(event: Event) -> str:
    """An event as a line of JSON."""
    return json.dumps(to_cloudevent(event), ensure_ascii=False) + "\n"


def _is_torn(path: Path) -> bool:
    """Whether the last line has no end, as after a power cut: what follows would be lost with it."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
