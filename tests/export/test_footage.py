from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vad_edge.errors import DataError
from vad_edge_export.footage import fingerprint, held_out, sample_frames


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Three folders of four images each; every image of a clip has the clip's number as its grey level."""
    folders = [tmp_path / f"{number:02d}" for number in (1, 2, 3)]
    for number, folder in enumerate(folders, start=1):
        folder.mkdir()
        for index in range(4):
            cv2.imwrite(str(folder / f"{index:03d}.png"), np.full((64, 96, 3), number, np.uint8))
    return folders


def test_clips_that_were_fitted_are_not_held_out(clips: list[Path]) -> None:
    assert held_out(clips, ["01", "03"]) == [clips[1]]
    assert held_out([Path("a.mkv"), Path("b.mkv")], ["a.mkv"]) == [Path("b.mkv")]
    assert held_out(clips, ["01", "02", "03"]) == []


def test_frames_are_sampled_from_every_clip_at_the_size_asked_for(clips: list[Path]) -> None:
    frames = sample_frames(clips, height=32, width=48, fps=10.0, limit=7)
    assert frames.shape == (7, 32, 48, 3)
    assert frames[:, 0, 0, 0].tolist() == [1, 1, 1, 2, 2, 2, 3]


def test_no_clips_give_no_frames(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no frames to compare the graph on"):
        sample_frames([], height=32, width=48, fps=10.0, limit=7)


def test_a_fingerprint_follows_the_content_and_not_the_name(clips: list[Path]) -> None:
    prints = {fingerprint(clip) for clip in clips}
    assert len(prints) == 3
    clips[0].rename(clips[0].with_name("renamed"))
    assert fingerprint(clips[0].with_name("renamed")) in prints
