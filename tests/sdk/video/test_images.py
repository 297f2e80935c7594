from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from tests.support.footage import quiet_frames

from vad_edge.errors import SourceError
from vad_edge.video.images import ImageFolderSource
from vad_edge.video.source import SourceInfo


def test_a_folder_says_size_rate_and_number_of_its_images(tmp_path: Path) -> None:
    for number, image in enumerate(quiet_frames(3)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    source = ImageFolderSource(tmp_path, fps=4)
    assert source.info == SourceInfo(str(tmp_path), False, 4, 64, 48, 3)


def test_what_cannot_be_read_is_counted_and_keeps_its_number(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_text("broken")
    (tmp_path / "1.png").mkdir()
    cv2.imwrite(str(tmp_path / "2.PNG"), quiet_frames(1)[0])
    source = ImageFolderSource(tmp_path, fps=10)
    frame = source.read()
    assert frame is not None
    assert (frame.index, frame.time_s) == (2, 0.2)
    assert source.read() is None
    assert str(source.truncated).endswith(": 2 of 3 images cannot be read, 0.png first")


@pytest.mark.parametrize("name", ["notes.txt", "broken.jpg"])
def test_a_folder_without_a_frame_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no picture")
    with pytest.raises(SourceError) as refusal:
        ImageFolderSource(tmp_path, fps=10)
    fix = "it should hold images (.jpg, .jpeg, .png, .bmp, .tif, .tiff)"
    assert str(refusal.value) == f"{tmp_path}: no frames in this folder; {fix}"


def test_a_raised_digit_in_a_name_is_no_number(tmp_path: Path) -> None:
    for name in ("2²10.png", "2²9.png"):
        cv2.imwrite(str(tmp_path / name), quiet_frames(1)[0])
    assert ImageFolderSource(tmp_path, fps=10).info.frame_count == 2
