from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vad_edge.bundle.manifest import Clock
from vad_edge.errors import DataError
from vad_edge_export.footage import read_sequences, sample_frames, unseen_footage


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Three folders of four images each; every image of a clip has the clip's number as its grey level."""
    folders = [tmp_path / f"{number:02d}" for number in (1, 2, 3)]
    for number, folder in enumerate(folders, start=1):
        folder.mkdir()
        for index in range(4):
            cv2.imwrite(str(folder / f"{index:03d}.png"), np.full((64, 96, 3), number, np.uint8))
    return folders


A, B = Path("a.mkv"), Path("b.mkv")


@pytest.mark.parametrize(
    ("clips", "fitted", "expected", "skip", "note"),
    [
        ([A, B], ["a.mkv"], [B], 0.0, ""),
        ([A, B], ["a.mkv", "b.mkv"], [A, B], 0.0, "calibrated on the clips the model was fitted on"),
        ([A, B], None, [A, B], 0.0, "calibrated on the clips the model was fitted on"),
        ([A], ["a.mkv"], [A], 0.8, "calibrated on the end of the only clip"),
        ([A], None, [A], 0.0, "calibrated on the clips the model was fitted on"),
    ],
)
def test_calibration_takes_what_was_not_fitted_or_says_that_it_could_not(
    clips: list[Path], fitted: list[str] | None, expected: list[Path], skip: float, note: str
) -> None:
    footage = unseen_footage(clips, fitted)
    assert (footage.clips, footage.skip) == (expected, skip)
    assert " ".join(footage.notes).startswith(note)
    assert bool(footage.notes) == bool(note)


def test_frames_are_sampled_from_every_clip_at_the_size_asked_for(clips: list[Path]) -> None:
    frames = sample_frames(clips, height=32, width=48, fps=10.0, limit=7)
    assert frames.shape == (7, 32, 48, 3)
    assert frames[:, 0, 0, 0].tolist() == [1, 1, 1, 2, 2, 2, 3]


def test_no_clips_give_no_frames(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no frames to compare the graph on"):
        sample_frames([], height=32, width=48, fps=10.0, limit=7)


def test_clips_of_another_size_are_refused(clips: list[Path]) -> None:
    for image in sorted(clips[1].iterdir()):
        cv2.imwrite(str(image), np.zeros((48, 64, 3), np.uint8))
    clock = Clock(fps=10.0, warmup_frames=0)
    with pytest.raises(DataError, match="its frames are 48x64, those of 01 64x96; a model learns one camera"):
        read_sequences(clips, clock, size=(32, 48), fps=10.0, shortest=2, longest=4, most=3)
