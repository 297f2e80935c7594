"""`scores.csv`: one row for every frame of a source."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from vad_edge.common.whole_writes import Lines
from vad_edge.errors import OutputError
from vad_edge.report.observer import FrameResult, Observer

SCORES = "scores.csv"


class ScoresCsv(Observer):
    """Writes frame, time_s, score_<cue> for each cue, surprise, risk and level, each row at once.

    A frame without a valid score has empty cells. Several cameras get a file each, ``scores-<camera>.csv``.
    A file begins with its camera's first frame: a run that cannot begin leaves none. Rows that the disk does
    not take are counted, and the next is tried.
    """

    def __init__(self, folder: Path, cameras: Sequence[str], cues: Sequence[str]) -> None:
        self._folder = folder
        self._cameras = cameras
        self._cues = cues
        self._files: dict[str, Lines] = {}

    @property
    def problem(self) -> str:  # type: ignore[override]
        """What is being lost; empty while nothing is."""
        return "; ".join(lines.loss for lines in self._files.values() if lines.failing)

    def on_frame(self, result: FrameResult) -> None:
        """Append one row."""
        lines = self._files.get(result.camera)
        if lines is None:
            lines = Lines(self._folder / per_camera(SCORES, result.camera, self._cameras), "w")
            self._files[result.camera] = lines
            lines.add(_row(score_columns(self._cues)))
        lines.add(_row(score_row(result, self._cues)))

    def close(self) -> None:
        """Finish the files. Raises OutputError where rows are missing."""
        for lines in self._files.values():
            lines.close()
        losses = [lines.loss for lines in self._files.values() if lines.loss]
        if losses:
            raise OutputError("; ".join(losses))


def _row(cells: Sequence[str | int]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()


def score_columns(cues: Sequence[str]) -> list[str]:
    """The header of `score_row`."""
    return ["frame", "time_s", *(f"score_{cue}" for cue in cues), "surprise", "risk", "level"]


def score_row(frame: FrameResult, cues: Sequence[str]) -> list[str | int]:
    """A frame's number, time, raw scores, surprise, risk and level; empty where there is none."""
    scores = frame.scores or {}
    figures = [*(scores.get(cue) for cue in cues), frame.surprise, frame.risk]
    return [frame.index, f"{frame.time_s:.3f}", *map(_cell, figures), str(frame.level)]


def per_camera(name: str, camera: str, cameras: Sequence[str]) -> str:
    """`name` where there is one camera, with the camera's name before the suffix where there are more."""
    if len(cameras) == 1:
        return name
    stem, dot, suffix = name.partition(".")
    return f"{stem}-{camera}{dot}{suffix}"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
