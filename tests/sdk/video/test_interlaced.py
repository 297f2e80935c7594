from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ffmpeg import Ffmpeg

from vad_edge.clock import LiveClock, MediaClock
from vad_edge.errors import SourceError
from vad_edge.video.interlaced import says_interlaced
from vad_edge.video.open import open_source
from vad_edge.video.opencv import says_interlaced_itself

FIELDS = ("-vf", "setfield=tff", "-flags", "+ildct+ilme")


def made(path: Path, *options: str) -> Path:
    picture = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=1"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *picture, *options, str(path)], check=True)
    return path


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.h264"])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
def test_h264_says_itself_whether_it_is_interlaced(
    ffmpeg: Ffmpeg, tmp_path: Path, name: str, pixels: str
) -> None:
    coding = ("-c:v", "libx264", "-pix_fmt", pixels)
    assert says_interlaced_itself(str(made(tmp_path / f"i{name}", *FIELDS, *coding)))
    assert not says_interlaced_itself(str(made(tmp_path / f"p{name}", *coding)))


def test_mpeg_2_says_itself_whether_it_is_interlaced(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    assert says_interlaced_itself(str(made(tmp_path / "i.ts", *FIELDS, "-c:v", "mpeg2video")))
    assert not says_interlaced_itself(str(made(tmp_path / "p.ts", "-c:v", "mpeg2video")))


def test_without_ffmpeg_interlaced_video_is_refused_in_words_and_other_video_is_read(
    ffmpeg: Ffmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = made(tmp_path / "lines.mp4", *FIELDS, "-c:v", "libx264")
    whole = made(tmp_path / "whole.mp4", "-c:v", "libx264")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SourceError) as refusal:
        open_source(lines, MediaClock())
    text = f"{lines}: it is interlaced, and only ffmpeg can do that; apt install ffmpeg"
    assert str(refusal.value) == text
    source = open_source(whole, LiveClock())
    assert source.read() is not None
    source.close()


@given(st.binary(max_size=400))
def test_rubbish_says_nothing_or_one_of_both(data: bytes) -> None:
    assert says_interlaced(data) in (None, True, False)
    assert says_interlaced(b"\0\0\1\x67" + data) in (None, True, False)
    assert says_interlaced(b"\0\0\1\xb5" + data) in (None, True, False)
