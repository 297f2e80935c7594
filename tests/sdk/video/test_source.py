from __future__ import annotations

import http.server
import threading
from functools import partial
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.footage import quiet_frames, write_video

from vad_edge.clock import LiveClock, MediaClock
from vad_edge.common.secret import redacted
from vad_edge.errors import SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.open import open_source
from vad_edge.video.source import FrameSource, SourceInfo, default_policy


def read_all(source: FrameSource) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    source.close()
    return frames


def message(spec: object) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(str(spec), MediaClock())
    return str(caught.value)


def test_a_video_gives_its_frames_with_media_time(tmp_path: Path) -> None:
    frames = quiet_frames(12)
    source = open_source(str(write_video(tmp_path / "clip.mkv", frames)), MediaClock())
    assert source.info == SourceInfo(str(tmp_path / "clip.mkv"), False, 10.0, 64, 48, 12, "ffv1")
    found = read_all(source)
    assert [frame.time_s for frame in found] == pytest.approx([number / 10 for number in range(12)])
    assert all(np.abs(a.image.astype(int) - b).mean() < 1.5 for a, b in zip(found, frames, strict=True))
    assert source.truncated is None


def test_a_given_frame_rate_overrides_the_files_own(tmp_path: Path) -> None:
    source = open_source(str(write_video(tmp_path / "clip.mkv", quiet_frames(6))), MediaClock(), fps=5)
    assert [frame.time_s for frame in read_all(source)] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_truncated_video_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", quiet_frames(40))
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    source = open_source(str(cut), MediaClock())
    frames = read_all(source)
    assert 5 < len(frames) < 35
    missing = whole.stat().st_size - cut.stat().st_size
    text = f"{cut} ends after {len(frames)} frames: {missing:,} bytes of the file are missing"
    assert source.truncated == text


def test_what_is_not_there_is_named_with_what_to_check(tmp_path: Path) -> None:
    assert message(tmp_path / "no.mkv") == f"{tmp_path}/no.mkv: no such file; check the path"
    assert message("csidata.mkv") == "csidata.mkv: no such file; check the path"
    assert message("97").startswith("camera 97: no such device /dev/video97; cameras here: ")
    empty = tmp_path / "empty.mkv"
    empty.touch()
    assert message(empty) == f"{empty}: the file is empty; record or copy it again"
    (tmp_path / "folder").mkdir()
    assert "no frames in this folder; it should hold images (.jpg" in message(tmp_path / "folder")


def test_a_stream_that_does_not_answer_is_named_without_its_password() -> None:
    text = message("rtsp://user:secret@127.0.0.1:9/live")
    assert "rtsp://***@127.0.0.1:9/live: the host is there, but nothing answers at this port" in text
    assert "secret" not in text


def test_a_recording_over_http_is_one_and_ends(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mkv", quiet_frames(8))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = open_source(f"http://127.0.0.1:{server.server_address[1]}/clip.mkv", LiveClock())
        frames = read_all(source)
        server.shutdown()
    assert not source.info.live
    assert [frame.time_s for frame in frames] == pytest.approx([number / 10 for number in range(8)])


def test_a_recording_is_opened_by_its_file_url_and_with_a_colon_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "2024-01-01T12:00:00 hall.mkv"
    write_video(tmp_path / name, quiet_frames(3))
    for spec in (
        name,
        f"file://{quote(str(tmp_path / name))}",
        f"file://localhost{quote(str(tmp_path / name))}",
    ):
        assert len(read_all(open_source(spec, LiveClock()))) == 3


def test_a_device_is_a_camera_and_no_file() -> None:
    assert message("/dev/video97").startswith("/dev/video97: no such device /dev/video97; cameras here: ")
    assert message("/dev/null").startswith("/dev/null: /dev/null cannot be opened; check that no other")


def test_images_come_in_natural_order_and_broken_ones_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), np.full((8, 8, 3), number * 10, np.uint8))
    (tmp_path / "frame3.png").write_text("broken")
    (tmp_path / "readme.txt").touch()
    frames = read_all(open_source(str(tmp_path), MediaClock(), fps=4))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 20, 100]
    assert [frame.time_s for frame in frames] == [0, 0.25, 0.75]
    assert "frame3.png cannot be read as an image; it is left out" in caplog.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://camera/live", "rtsp://camera/live"),
        ("rtsp://user:p@ss@camera:554/live?x=1", "rtsp://***@camera:554/live?x=1"),
    ],
)
def test_credentials_are_left_out_of_names(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_live_sources_keep_the_latest_frame_and_recordings_all() -> None:
    assert default_policy(SourceInfo("camera", True, 30, 64, 48)) == "latest"
    assert default_policy(SourceInfo("file", False, 30, 64, 48)) == "all"


@given(password=st.text("abcXYZ0189!$&'()*+,;=:@[]%-._~", min_size=1))
def test_no_password_stays_in_a_name(password: str) -> None:
    assert redacted(f"rtsp://admin:{password}@camera:554/live@1?x=2") == "rtsp://***@1?x=2"
