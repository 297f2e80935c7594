"""Raw scores of a live camera kept in a file, from which no picture can be made, to calibrate it on later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.config.site import Polygon
from vad_edge.errors import DataError

FLUSH_EVERY: Final = 100
"""Rows that a crash of the program may cost; a power cut takes what the system has not written, too."""


@dataclass(frozen=True, slots=True)
class ScoreHead:
    """What the scores of a file are of: the graph, its rate, the names of its columns, the ignore masks."""

    graph_sha256: str
    precision: str
    fps: float
    cues: tuple[str, ...]
    masks: tuple[Polygon, ...] = ()

    @property
    def row_type(self) -> np.dtype[np.void]:
        """A row as it lies in the file: the time on the run's clock, and a score for each cue."""
        return np.dtype([("time_s", "<f8"), ("scores", "<f4", (len(self.cues),))])


class ScoreLog:
    """Adds rows to a file; one that is there already for the same graph goes on, another is replaced."""

    def __init__(self, path: Path, head: ScoreHead) -> None:
        """Raises OSError."""
        self.path, self._type = path, head.row_type
        line = (json.dumps(asdict(head)) + "\n").encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b""
        if not content.startswith(line):
            path.write_bytes(line)
            content = line
        self.rows = (len(content) - len(line)) // self._type.itemsize
        self._file = path.open("r+b")
        self._file.truncate(len(line) + self.rows * self._type.itemsize)  # a row that was cut off
        self._file.seek(0, 2)

    def add(self, time_s: float, scores: tuple[float, ...]) -> None:
        """Keep one row. Raises OSError where the disk takes it no more."""
        self._file.write(np.array([(time_s, scores)], self._type).tobytes())
        self.rows += 1
        if self.rows % FLUSH_EVERY == 0:
            self._file.flush()

    def flush(self) -> None:
        """Let others read all there is."""
        self._file.flush()

    def close(self) -> None:
        """Write what is left."""
        self._file.close()


def read_scores(path: Path) -> tuple[ScoreHead, NDArray[np.float64], NDArray[np.float64]]:
    """The head, the times (T,) and the scores (T, K) of a file. Raises DataError for anything else."""
    try:
        line, _, rest = path.read_bytes().partition(b"\n")
        fields = json.loads(line)
        masks = tuple(tuple((x, y) for x, y in mask) for mask in fields["masks"])
        head = ScoreHead(**{**fields, "cues": tuple(fields["cues"]), "masks": masks})
        rows = np.frombuffer(
            rest[: len(rest) // head.row_type.itemsize * head.row_type.itemsize], head.row_type
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"it holds no kept scores ({error})", where=str(path)) from error
    return head, rows["time_s"].astype(np.float64), rows["scores"].astype(np.float64)


def unbroken(times: NDArray[np.float64], longest_gap_s: float) -> Iterator[slice]:
    """The rows between gaps; a clock that begins again, as after a restart, is one."""
    steps = np.diff(times)
    cuts = [0, *(np.flatnonzero((steps > longest_gap_s) | (steps <= 0)) + 1).tolist(), len(times)]
    for begin, end in pairwise(cuts):
        if end > begin:
            yield slice(begin, end)
