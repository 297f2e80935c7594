from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.training.conftest import MakeData, label_lines, write_labels

from vad_edge.errors import DataError
from vad_edge_training.datasets.clips import ClipFolder
from vad_edge_training.datasets.folds import Fold
from vad_edge_training.datasets.frames import load_frames
from vad_edge_training.datasets.subclips import SubclipDataset
from vad_edge_training.datasets.triplets import TripletDataset, abnormal_clips


def bright(clip: torch.Tensor) -> int:
    """How many frames show the block."""
    return int((clip.amax(dim=(1, 2, 3)) > 200).sum())


def test_a_triplet_is_two_normal_clips_and_one_mostly_abnormal(make_data: MakeData, tmp_path: Path) -> None:
    data = ClipFolder(make_data())
    normal = SubclipDataset(load_frames(data, height=16, width=24, fps=10, cache=tmp_path), 5, 4)
    abnormal = abnormal_clips(data, Fold(1, 2), height=16, width=24, fps=10, length=5)
    triplets = TripletDataset(normal, abnormal, 5)
    assert len(triplets) == len(normal)
    for place in range(len(triplets)):
        anchor, positive, negative = triplets[place]
        assert anchor.shape == (5, 16, 24, 3)
        assert (bright(anchor), bright(positive)) == (0, 0)
        assert bright(negative) >= 3


def test_labels_follow_the_frames_the_model_takes(make_data: MakeData) -> None:
    root = make_data(testing=2, frames=40, block=(20, 29))
    (root / "dataset.toml").write_text("fps = 20\n")
    for frames, start in abnormal_clips(ClipFolder(root), Fold(1, 2), height=16, width=24, fps=10, length=3):
        assert bright(torch.from_numpy(frames[start : start + 3].copy())) >= 1
        assert len(frames) == 20


def test_events_too_short_for_any_clip_are_refused(make_data: MakeData) -> None:
    root = make_data(testing=2)
    write_labels(
        root, *label_lines("01", [0] * 5 + [1] + [0] * 18), *label_lines("02", [0] * 5 + [1] + [0] * 18)
    )
    with pytest.raises(DataError, match="no abnormal clip of 5 frames in fold 1/2; label longer events"):
        abnormal_clips(ClipFolder(root), Fold(1, 2), height=16, width=24, fps=10, length=5)
