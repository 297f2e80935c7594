from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import quiet_frames, write_video

from vad_edge.errors import SourceError
from vad_edge.video.clips import clips_of
from vad_edge.video.folder import folder_clips


def touch(path: Path, content: bytes = b"") -> Path:
    """A file that was written long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1e9, 1e9))
    return path


def made(path: Path, *output: str) -> Path:
    subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc=d=1:s=176x144:r=10",
            *output,
            str(path),
        ],
        check=True,
    )
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


def test_a_folder_without_clips_is_refused_and_says_what_it_holds(tmp_path: Path) -> None:
    touch(tmp_path / "notes.txt", b"a note")
    with pytest.raises(SourceError, match=r"neither videos nor images; 1 file \(notes.txt\).*\.ts"):
        clips_of(tmp_path)


@pytest.mark.parametrize("suffix", [".mts", ".3gp", ".flv", ".h264", ".h265", ".wmv", ".vob", ".m2ts"])
def test_the_suffixes_of_cameras_and_recorders_are_clips(tmp_path: Path, suffix: str) -> None:
    clip = touch(tmp_path / f"a{suffix}")
    assert clips_of(tmp_path) == [clip]


def test_a_video_of_a_suffix_that_is_not_known_is_a_clip(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    wanted = [made(tmp_path / "a.rec", "-f", "mpegts"), made(tmp_path / "noname", "-f", "matroska")]
    assert clips_of(tmp_path) == wanted


def test_date_folders_are_walked_in_order(tmp_path: Path) -> None:
    wanted = [touch(tmp_path / "2024" / "01" / day / "0800.mp4") for day in ("01", "02")]
    assert clips_of(tmp_path) == wanted


def test_images_beside_videos_are_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    videos = [touch(tmp_path / f"{name}.mp4") for name in "abc"]
    for number in range(420):
        touch(tmp_path / f"{number:03d}.jpg")
    assert clips_of(tmp_path) == videos
    assert "420 files (000.jpg, 001.jpg, 002.jpg, ...): images beside videos; to use them" in caplog.text


def test_notes_are_named_quietly_and_strange_files_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path / "a.mp4")
    touch(tmp_path / "a.jsonl", b'{"a": 1}\n')
    touch(tmp_path / "a.npz", b"PK\3\4\0")
    touch(tmp_path / "index.bin", b"\0\1\2\3" * 100)
    with caplog.at_level(logging.INFO):
        clips_of(tmp_path)
    levels = {record.getMessage().partition("left out: ")[2]: record.levelname for record in caplog.records}
    assert levels == {
        "1 file (index.bin): neither videos nor images": "WARNING",
        "2 files (a.jsonl, a.npz): notes and data, not video": "INFO",
    }


def test_a_picture_and_the_cover_of_a_song_are_no_clips(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    clip = touch(tmp_path / "a.mp4")
    made(tmp_path / "a.gif")
    made(tmp_path / "a.webp", "-frames:v", "1")
    assert clips_of(tmp_path) == [clip]


def test_links_in_a_circle_end_and_a_link_to_a_clip_counts_once(tmp_path: Path) -> None:
    clip = touch(tmp_path / "b" / "1.mp4")
    (tmp_path / "b" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a_newest.mp4").symlink_to(clip)
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    found = folder_clips(tmp_path)
    assert found.clips == (clip,)
    assert [left.paths[0].name for left in found.left_out] == ["a_newest.mp4", "gone.mp4"]


def test_a_linked_folder_outside_is_walked(tmp_path: Path) -> None:
    touch(tmp_path / "disk" / "1.mp4")
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "disk").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert clips_of(tmp_path / "day") == [tmp_path / "day" / "disk" / "1.mp4"]


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    clip = touch(tmp_path / "a.mp4")
    os.mkfifo(tmp_path / "b.mp4")
    assert clips_of(tmp_path) == [clip]


def test_a_file_that_grows_is_left_out(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mkv", quiet_frames(5))
    growing = write_video(tmp_path / "b.mkv", quiet_frames(5))

    def append(seconds: float) -> None:
        with growing.open("ab") as file:
            file.write(b"more")

    found = folder_clips(tmp_path, wait=append)
    assert found.clips == (whole,)
    assert "1 file (b.mkv): still being written" in str(found.left_out[0])


def test_a_new_file_that_cannot_be_opened_is_left_out_and_an_old_one_is_not(tmp_path: Path) -> None:
    old = touch(tmp_path / "a.mp4", b"cut off")
    (tmp_path / "b.mp4").write_bytes(b"no index yet")
    assert folder_clips(tmp_path, wait=lambda seconds: None).clips == (old,)
