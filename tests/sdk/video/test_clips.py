from __future__ import annotations

from pathlib import Path

import pytest

from vad_edge.errors import SourceError
from vad_edge.video.clips import clips_of


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_file_is_a_clip(tmp_path: Path) -> None:
    clip = touch(tmp_path / "clip.mkv")
    assert clips_of(clip) == [clip]


def test_a_folder_of_images_is_one_clip(tmp_path: Path) -> None:
    touch(tmp_path / "images" / "0.png")
    assert clips_of(tmp_path / "images") == [tmp_path / "images"]


def test_a_folder_of_clips_gives_them_by_name_and_nothing_else(tmp_path: Path) -> None:
    wanted = [
        touch(tmp_path / "a.MP4"),
        touch(tmp_path / "b" / "0.jpg").parent,
        touch(tmp_path / "c.mkv"),
        touch(tmp_path / "d.ts"),
    ]
    touch(tmp_path / "notes.txt")
    touch(tmp_path / ".hidden.mkv")
    touch(tmp_path / "empty" / "notes.txt")
    assert clips_of(tmp_path) == wanted


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the folder holds neither videos nor images; .*\.ts"):
        clips_of(tmp_path)
