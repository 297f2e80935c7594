from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from tests.support.footage import quiet_frames, write_video

from vad_edge.clock import LiveClock
from vad_edge.errors import SourceError
from vad_edge.video.opencv import VideoCaptureSource, camera_devices, open_camera, open_file


def cut_in_half(whole: Path) -> Path:
    cut = whole.with_stem("cut")
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return cut


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".webm"])
def test_a_truncated_file_plays_to_its_cut_and_counts_what_is_missing(tmp_path: Path, suffix: str) -> None:
    cut = cut_in_half(write_video(tmp_path / f"whole{suffix}", quiet_frames(20)))
    source = open_file(cut)
    assert source.truncated is None
    count = sum(1 for _ in iter(source.read, None))
    source.close()
    assert 0 < count < 19
    missing = cut.with_stem("whole").stat().st_size - cut.stat().st_size
    assert source.truncated == f"{cut} ends after {count} frames: {missing:,} bytes of the file are missing"


def test_an_mp4_cut_off_before_its_index_is_refused(tmp_path: Path) -> None:
    cut = cut_in_half(write_video(tmp_path / "whole.mp4", quiet_frames(20)))
    with pytest.raises(SourceError) as refusal:
        open_file(cut)
    fix = "play it with another program; copy or record it again"
    assert str(refusal.value) == f"{cut}: not a video, or cut off before its index; {fix}"


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cat.mkv"
    path.write_text("a picture of a cat")
    with pytest.raises(SourceError, match=r"cat\.mkv: not a video"):
        open_file(path)


def test_a_camera_that_is_not_there_is_refused_with_those_that_are() -> None:
    there = ", ".join(camera_devices()) or "none"
    with pytest.raises(SourceError) as refusal:
        open_camera(Path("/dev/video9999"), LiveClock())
    assert str(refusal.value) == f"/dev/video9999: no such device /dev/video9999; cameras here: {there}"


def test_a_live_source_that_runs_dry_is_an_error_and_no_end(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", quiet_frames(3))
    source = VideoCaptureSource(cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG), "camera 0", LiveClock(), None)
    for _ in range(3):
        assert source.read() is not None
    with pytest.raises(SourceError) as refusal:
        source.read()
    source.close()
    assert str(refusal.value) == "camera 0: no frame came; check camera and cable"
    assert source.truncated is None
    assert source.info.frame_count is None
