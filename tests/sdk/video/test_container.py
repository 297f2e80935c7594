from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import quiet_frames, write_video

from vad_edge.clock import MediaClock
from vad_edge.video.container import missing_bytes
from vad_edge.video.open import open_source


def made(path: Path, *options: str) -> Path:
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *options, str(path)], check=True)
    return path


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".webm"])
def test_what_a_cut_file_lacks_is_counted(tmp_path: Path, suffix: str) -> None:
    whole = write_video(tmp_path / f"whole{suffix}", quiet_frames(20))
    data = whole.read_bytes()
    cut = whole.with_stem("cut")
    cut.write_bytes(data[: len(data) - 700])
    assert missing_bytes(whole) == 0
    assert missing_bytes(cut) == 700


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("audio.mp4", ["-f", "lavfi", "-i", "sine=duration=2.7", "-c:v", "libx264", "-c:a", "aac"]),
        ("stream.ts", ["-c:v", "libx264"]),
        ("fragments.mp4", ["-c:v", "libx264", "-movflags", "+frag_keyframe+empty_moov"]),
        ("edited.mp4", ["-c:v", "libx264", "-g", "10", "-ss", "0.5"]),
        ("bare.h264", ["-c:v", "libx264"]),
    ],
)
def test_an_intact_recording_is_whole_whatever_its_container_estimates(
    ffmpeg: Ffmpeg, tmp_path: Path, name: str, options: list[str]
) -> None:
    source = open_source(made(tmp_path / name, *options), MediaClock())
    count = sum(1 for _ in iter(source.read, None))
    source.close()
    assert count >= 37
    assert source.truncated is None


def test_an_mp4_that_is_copied_to_its_half_lacks_the_other(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    whole = made(tmp_path / "whole.mp4", "-c:v", "libx264", "-g", "10", "-movflags", "+faststart")
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 2 // 3])
    source = open_source(cut, MediaClock())
    count = sum(1 for _ in iter(source.read, None))
    source.close()
    assert 0 < count < 50
    missing = len(data) - len(data) * 2 // 3
    assert source.truncated == f"{cut} ends after {count} frames: {missing:,} bytes of the file are missing"


@given(data=st.binary(max_size=200), head=st.sampled_from([b"", b"\x1a\x45\xdf\xa3", b"\0\0\0\x14ftyp"]))
def test_rubbish_promises_nothing_that_cannot_be_counted(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "rubbish"
    path.write_bytes(head + data)
    assert missing_bytes(path) >= 0
