"""`scores.csv`: one row for every frame of a source."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from vad_edge.report.observer import FrameResult, Observer

SCORES = "scores.csv"


class ScoresCsv(Observer):
    """Writes frame, time_s, score_<cue> for each cue, surprise, risk and level, as they come.

    A frame without a valid score has empty cells. Several cameras get a file each, ``scores-<camera>.csv``.
    A file begins with its camera's first frame: a run that cannot begin leaves none.
    """

    def __init__(self, folder: Path, cameras: Sequence[str], cues: Sequence[str]) -> None:
        self._folder = folder
        self._cameras = cameras
        self._cues = cues
        self._files: list[IO[str]] = []
        self._writers: dict[str, Any] = {}

    def on_frame(self, result: FrameResult) -> None:
        """Append one row."""
        if result.camera not in self._writers:
            self._begin(result.camera)
        self._writers[result.camera].writerow(score_row(result, self._cues))

    def _begin(self, camera: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / per_camera(SCORES, camera, self._cameras)
        file = path.open("w", newline="", encoding="utf-8")
        self._files.append(file)
        self._writers[camera] = csv.writer(file)
        self._writers[camera].writerow(score_columns(self._cues))

    def close(self) -> None:
        """Finish the files."""
        for file in self._files:
            file.close()


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
