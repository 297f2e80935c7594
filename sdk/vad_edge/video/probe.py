"""What ffprobe says of a video file beyond its frames: whether it is interlaced, and when it was begun."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = "ffprobe"
_ANSWER_S: Final = 20.0
_INTERLACED: Final = ("tt", "bb", "tb", "bt")
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=timezone.utc)
"""Cameras whose clock was never set begin in 1970, 1904 or 1980."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """interlaced: two half pictures in each. begun is the UTC time its writer noted, None without one.

    late_s is how long after the file's own beginning its video begins: sound may come before it.
    """

    interlaced: bool = False
    begun: datetime | None = None
    late_s: float = 0.0


def probe(path: Path) -> FileFacts | None:
    """What ffprobe says of a file's first video stream; None where there is no ffprobe or no answer."""
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    wanted = ":".join(
        (
            "stream=field_order,start_time",
            "format=start_time",
            "stream_tags=creation_time",
            "format_tags=creation_time",
        )
    )
    command = [program, "-v", "error", "-select_streams", "v:0", "-show_entries", wanted, "-of", "json"]
    try:
        done = subprocess.run(  # noqa: S603 - a list
            [*command, f"file:{path.absolute()}"], capture_output=True, timeout=_ANSWER_S, check=False
        )
        return read_answer(json.loads(done.stdout))
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def read_answer(answer: Any) -> FileFacts:
    """What ffprobe's JSON says.

    >>> read_answer({"streams": [{"field_order": "tt"}], "format": {}}).interlaced
    True
    """
    parts = answer if isinstance(answer, dict) else {}
    streams = parts.get("streams")
    stream = streams[0] if isinstance(streams, list) and streams and isinstance(streams[0], dict) else {}
    tags = [part.get("tags") for part in (parts.get("format"), stream) if isinstance(part, dict)]
    noted = [tag["creation_time"] for tag in tags if isinstance(tag, dict) and "creation_time" in tag]
    begun = _time(str(noted[0])) if noted else None
    late_s = _seconds(stream) - _seconds(parts.get("format"))
    return FileFacts(stream.get("field_order") in _INTERLACED, begun, max(late_s, 0.0))


def _seconds(part: Any) -> float:
    try:
        found = float(part["start_time"])
    except (KeyError, TypeError, ValueError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    found = found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)
    return found if found >= _EARLIEST else None
