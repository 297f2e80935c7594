"""Triplets of clips for models that learn from labelled anomalies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as Examples

from vad_edge.errors import DataError
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.datasets.folds import AbnormalSpan, Fold, abnormal_starts, events_of_fold, split_events
from vad_edge_training.datasets.frames import read_clip
from vad_edge_training.datasets.subclips import SubclipDataset

Frames = NDArray[np.uint8]


class TripletDataset(Examples[Tensor]):
    """Anchor, positive and negative, uint8 (3, T, H, W, 3): two normal clips and an abnormal one.

    There is a triplet for every anchor of `normal`; its positive and negative are drawn again each time, by
    torch's generator. abnormal holds frames and where a clip begins in them.
    """

    def __init__(self, normal: SubclipDataset, abnormal: Sequence[tuple[Frames, int]], length: int) -> None:
        self._normal = normal
        self._abnormal = abnormal
        self._length = length

    def __len__(self) -> int:
        """How many anchors there are."""
        return len(self._normal)

    def __getitem__(self, place: int) -> Tensor:
        """One triplet."""
        positive = self._normal[int(torch.randint(len(self._normal), ()))]
        frames, start = self._abnormal[int(torch.randint(len(self._abnormal), ()))]
        negative = torch.from_numpy(np.array(frames[start : start + self._length]))
        return torch.stack((self._normal[place], positive, negative))


def abnormal_clips(
    data: Dataset, fold: Fold, *, height: int, width: int, fps: float, length: int
) -> list[tuple[Frames, int]]:
    """The abnormal clips of a fold at the model's size and rate: frames and where each clip begins.

    Raises DataError where the fold's events are too few or too short.
    """
    clips = data.testing
    trained = events_of_fold(split_events([data.labels(clip) for clip in clips]), fold)
    found = []
    for number in sorted({event.clip for event in trained}):
        frames, taken = read_clip(data, clips[number], height=height, width=width, fps=fps)
        for event in (event for event in trained if event.clip == number):
            begin, end = np.searchsorted(taken, (event.begin, event.end))
            starts = abnormal_starts(AbnormalSpan(number, int(begin), int(end)), len(frames), length)
            found += [(frames, start) for start in starts]
    if not found:
        raise DataError(
            f"no abnormal clip of {length} frames in fold {fold}",
            fix="label longer events, or take fewer folds",
        )
    return found
