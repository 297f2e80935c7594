from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from tests.support.ffmpeg import Ffmpeg, RtspServer
from tests.support.footage import quiet_frames, with_block
from tests.support.mosquitto import wait_until

from vad_edge.errors import StoreError
from vad_edge.evidence.clips import (
    copy_command,
    copy_script,
    cut_recording,
    wrap_packets,
)
from vad_edge.evidence.stream_copy import StreamCopy
from vad_edge.video.ffmpeg import find_ffmpeg, last_words


def frame_count(path: Path) -> int:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count = 0
    while capture.grab():
        count += 1
    capture.release()
    return count


@pytest.fixture
def program(ffmpeg: Ffmpeg) -> str:
    found = find_ffmpeg()
    assert found is not None
    return found


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_piece_of_a_recording_is_copied_from_the_key_frame_before_it(
    ffmpeg: Ffmpeg, program: str, tmp_path: Path, codec: str
) -> None:
    source = ffmpeg.encode(tmp_path / "whole.mkv", quiet_frames(100), codec=codec)
    cut_recording(program, source, 4.5, 6.5, tmp_path / "clip.mp4")
    assert ffmpeg.codec(tmp_path / "clip.mp4") == ffmpeg.codec(source)
    assert 20 <= frame_count(tmp_path / "clip.mp4") <= 30


def test_a_piece_that_begins_before_the_recording_begins_with_it(
    ffmpeg: Ffmpeg, program: str, tmp_path: Path
) -> None:
    source = ffmpeg.encode(tmp_path / "whole.mp4", quiet_frames(50))
    cut_recording(program, source, -3.0, 2.0, tmp_path / "clip.mp4")
    assert 20 <= frame_count(tmp_path / "clip.mp4") <= 22


def test_what_ffmpeg_cannot_read_is_a_reason(program: str, tmp_path: Path) -> None:
    (tmp_path / "whole.mp4").write_bytes(b"no video")
    with pytest.raises(StoreError, match=r"ffmpeg could not copy a clip: .*Invalid data"):
        cut_recording(program, tmp_path / "whole.mp4", 0.0, 1.0, tmp_path / "clip.mp4")


def test_packets_become_a_clip_that_plays(ffmpeg: Ffmpeg, program: str, tmp_path: Path) -> None:
    stream = ffmpeg.encode(tmp_path / "a.ts", with_block(quiet_frames(30), 10, 20))
    wrap_packets(program, stream.read_bytes(), tmp_path / "clip.mp4")
    assert frame_count(tmp_path / "clip.mp4") == 30


def test_an_address_is_never_an_argument() -> None:
    assert not any("://" in argument for argument in copy_command("ffmpeg"))
    assert b"file 'rtsp://me:pw@c/1'\n" in copy_script("rtsp://me:pw@c/1", options=True)
    assert b"option" not in copy_script("http://c/1.ts", options=True)
    assert b"option" not in copy_script("rtsp://c/1", options=False)


def test_last_words_show_no_password() -> None:
    assert last_words(b"first\nrtsp://me:s3cret@camera/1: timed out\n") == "rtsp://***@camera/1: timed out"
    assert last_words(b"") == "it said nothing"


@pytest.mark.parametrize("options", [True, False])
def test_a_camera_that_sends_over_tcp_alone_is_read_by_new_and_old_scripts(
    rtsp: RtspServer, program: str, options: bool
) -> None:
    command = [*copy_command(program)[:-1], "-t", "1", "pipe:1"]
    script = copy_script(rtsp.url, options=options)
    done = subprocess.run(command, input=script, capture_output=True, timeout=60)
    assert done.stdout.startswith(b"G"), done.stderr.decode()


@pytest.fixture
def stream_copy(rtsp: RtspServer, program: str) -> Iterator[StreamCopy]:
    began_s = time.monotonic()
    opened = StreamCopy(program, rtsp.url, 3.0, lambda: time.monotonic() - began_s)
    yield opened
    opened.close()


def arguments_of_children() -> str:
    texts = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            texts.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(texts)


def has_packets(stream_copy: StreamCopy) -> bool:
    return bool(stream_copy._ring.since(float("-inf")))


def test_a_stream_is_tapped_and_its_clip_reaches_back_before_the_incident(
    rtsp: RtspServer, stream_copy: StreamCopy, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    wait_until(lambda: has_packets(stream_copy), "packets of the camera", timeout_s=30)
    assert "s3cret" not in arguments_of_children()
    time.sleep(3.0)
    incident_s = stream_copy._now()
    tape = stream_copy.begin(incident_s - 2.0)
    time.sleep(1.0)
    stream_copy.end(tape)
    tape.write(tmp_path / "clip.mp4", incident_s + 1.0, 0.0)
    assert ffmpeg.codec(tmp_path / "clip.mp4") == "h264"
    assert 25 <= frame_count(tmp_path / "clip.mp4") <= 45
    assert stream_copy.error is None


def test_a_camera_that_hangs_up_is_called_again(rtsp: RtspServer, stream_copy: StreamCopy) -> None:
    wait_until(lambda: has_packets(stream_copy), "packets of the camera", timeout_s=30)
    rtsp.hang_up()
    wait_until(lambda: rtsp.played >= 2 and stream_copy.error is None, "the second call", timeout_s=30)


def test_a_camera_that_is_not_there_is_a_reason_without_its_password(program: str) -> None:
    stream_copy = StreamCopy(program, "rtsp://me:s3cret@127.0.0.1:9/live", 1.0, time.monotonic)
    try:
        wait_until(lambda: stream_copy.error is not None, "a reason", timeout_s=20)
        assert "refused" in str(stream_copy.error)
        assert "s3cret" not in str(stream_copy.error)
        tape = stream_copy.begin(0.0)
        with pytest.raises(StoreError, match="no key frame"):
            tape.write(Path("clip.mp4"), 1.0, 0.0)
    finally:
        stream_copy.close()
