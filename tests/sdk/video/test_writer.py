from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.footage import Image, quiet_frames, write_video

from vad_edge.errors import OutputError
from vad_edge.video.opencv import open_file
from vad_edge.video.writer import CODECS, VideoWriter


def images(path: Path) -> list[Image]:
    source = open_file(path)
    found = [frame.image for frame in iter(source.read, None)]
    source.close()
    return found


@pytest.mark.parametrize("suffix", CODECS)
def test_every_codec_plays_back(tmp_path: Path, suffix: str) -> None:
    frames = quiet_frames(20)
    played = images(write_video(tmp_path / "new" / f"clip{suffix}", frames))
    assert len(played) == 20
    assert all(np.abs(a.astype(int) - b).mean() < 6 for a, b in zip(played, frames, strict=True))


def test_the_lossless_codec_is_lossless(tmp_path: Path) -> None:
    frames = quiet_frames(20)
    np.testing.assert_array_equal(images(write_video(tmp_path / "clip.mkv", frames)), frames)


def write_and_fail(path: Path) -> None:
    with VideoWriter(path, 10.0, (64, 48)) as writer:
        for frame in quiet_frames(7):
            writer.write(frame)
        raise RuntimeError("the run ended badly")


@pytest.mark.parametrize("suffix", CODECS)
def test_a_file_is_playable_after_a_failure_in_the_middle(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    with pytest.raises(RuntimeError):
        write_and_fail(path)
    assert len(images(path)) == 7


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    path.mkdir()
    with pytest.raises(OutputError) as refusal:
        VideoWriter(path, 10.0, (64, 48))
    assert str(refusal.value) == f"{path}: cannot write MJPG video; check the folder and free space"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    path = tmp_path / "out" / "clip.avi"
    with pytest.raises(OutputError) as refusal:
        VideoWriter(path, 10.0, (64, 48))
    assert str(refusal.value) == f"{path}: cannot write MJPG video; check the folder and free space"


def test_a_writer_takes_frames_of_another_size_and_refuses_a_suffix_without_codec(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 10.0, (64, 48)) as writer:
        for frame in quiet_frames(5, height=24, width=32):
            writer.write(frame)
    assert len(images(tmp_path / "clip.mp4")) == 5
    with pytest.raises(OutputError, match=r"no codec for '\.gif'; use \.mp4, \.webm, \.mkv, \.avi"):
        VideoWriter(tmp_path / "clip.gif", 10.0, (64, 48))
