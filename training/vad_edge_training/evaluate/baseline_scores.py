"""What needs no learning, on the frames of a dataset: what a learned model has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.calibration import Tail
from vad_edge.errors import DataError
from vad_edge.scoring.tail import fit_tail, tail_surprise
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.evaluate.baselines import (
    PERSISTENCE,
    BackgroundDistance,
    ForegroundSpeed,
    Gray,
    baselines,
    median_background,
    score_clip,
)
from vad_edge_training.fit.progress import Progress

BACKGROUND_FRAMES: Final = 400

TWO_CUES: Final = "two_cues"
"""The sum of two baselines' surprises, foreground speed and distance to the background."""

FloatArray = NDArray[np.float64]


class BaselineScores:
    """What needs no learning, against the median of the training clips."""

    def __init__(self, folder: Dataset, report: Progress) -> None:
        self._folder = folder
        self._background = _background(folder, report)
        seen: dict[str, list[FloatArray]] = {kind.name: [] for kind in (ForegroundSpeed, BackgroundDistance)}
        for done, clip in enumerate(folder.training):
            report("baselines", done, len(folder.training))
            gray = self._gray(clip)
            for kind in (ForegroundSpeed, BackgroundDistance):
                seen[kind.name].append(score_clip(kind(self._background), gray)[PERSISTENCE:])
        report("baselines", len(folder.training), len(folder.training))
        self._tails: dict[str, Tail] = {name: fit_tail(np.concatenate(rows)) for name, rows in seen.items()}

    def scores(self, clip: Path) -> dict[str, FloatArray]:
        """Each baseline's scores of a clip, (T,)."""
        gray = self._gray(clip)
        found = {each.name: score_clip(each, gray) for each in baselines(self._background)}
        surprises = [tail_surprise(tail, found[name]) for name, tail in self._tails.items()]
        return {**found, TWO_CUES: np.sum(surprises, axis=0)}

    def _gray(self, clip: Path) -> list[Gray]:
        return list(_gray_frames(self._folder, clip, self._background.shape))


def _background(folder: Dataset, report: Progress) -> NDArray[np.float32]:
    clips = folder.training
    samples: list[list[Gray]] = []
    size = None
    for done, clip in enumerate(clips):
        report("background", done, len(clips))
        sample = _thinned(_gray_frames(folder, clip, size), most=max(BACKGROUND_FRAMES // len(clips), 1))
        if not sample:
            raise DataError("the clip has no frames", where=str(clip), fix="remove it, or record it again")
        size = sample[0].shape
        samples.append(sample)
    report("background", len(clips), len(clips))
    return median_background(samples, every=1)


def _thinned(frames: Iterable[Gray], most: int) -> list[Gray]:
    """At most `most` frames, evenly spaced, without ever holding many more."""
    kept: list[Gray] = []
    every = 1
    for index, frame in enumerate(frames):
        if index % every == 0:
            kept.append(frame)
        if len(kept) > most:
            del kept[1::2]
            every *= 2
    return kept


def _gray_frames(folder: Dataset, clip: Path, size: tuple[int, ...] | None) -> Iterator[Gray]:
    """The frames of a clip in grey, all of one size: the given one, or the first frame's."""
    for frame in folder.frames(clip):
        gray = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), np.uint8)
        size = size or gray.shape
        if gray.shape != size:
            height, width = gray.shape
            raise DataError(
                f"frame {frame.index} is {height}x{width}, those before it were {size[0]}x{size[1]}",
                where=str(clip),
                fix="baselines compare clips of one scene and one size; leave them out, or this clip",
            )
        yield gray
