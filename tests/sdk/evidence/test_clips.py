from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from tests.support.ffmpeg import Ffmpeg, RtspServer
from tests.support.footage import quiet_frames, with_block
from tests.support.mosquitto import wait_until

from vad_edge.clock import LiveClock, MediaClock
from vad_edge.errors import StoreError
from vad_edge.evidence.camera import CutTape, Cutter
from vad_edge.evidence.clips import (
    cut_recording,
    wrap_packets,
)
from vad_edge.evidence.stream_copy import StreamCopy
from vad_edge.video.ffmpeg import find_ffmpeg, last_words
from vad_edge.video.ffmpeg_source import FFmpegSource, open_ffmpeg_stream
from vad_edge.video.frame import Frame
from vad_edge.video.open import open_source
from vad_edge.video.packet_feed import PacketFeed
from vad_edge.video.probe import probe
from vad_edge.video.reader import Reader
from vad_edge.video.stream_options import PacketTap, StreamOptions


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


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_a_clip_agrees_with_the_times_of_frames_where_the_rate_varies_and_sound_comes_first(
    ffmpeg: Ffmpeg, program: str, tmp_path: Path, suffix: str
) -> None:
    whole = ffmpeg.encode(tmp_path / "whole.mkv", with_block(quiet_frames(120), 80, 119), key_every=5)
    uneven = ["-vf", r"select=lt(n\,30)+gte(n\,30)*not(mod(n\,2))", "-fps_mode", "vfr", "-g", "5"]
    source = tmp_path / f"source{suffix}"
    inputs = ["-f", "lavfi", "-i", "sine=duration=12", "-itsoffset", "0.7", "-i", str(whole)]
    coding = ["-map", "1:v", "-map", "0:a", *uneven, "-c:v", "libx264", "-c:a", "aac", str(source)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *coding], check=True)
    times = {frame.index: frame.time_s for frame in frames_of(source)}
    appears_s = next(frame.time_s for frame in frames_of(source) if frame.image[16:32, 20].mean() > 150)
    assert appears_s == pytest.approx(8.0, abs=0.01)
    assert len(times) == 75

    facts = probe(source)
    assert facts is not None
    tape = CutTape(Cutter(program, source, facts.late_s), appears_s - 2.0)
    tape.write(tmp_path / "clip.mp4", appears_s + 1.0, 0.0)
    clip = frames_of(tmp_path / "clip.mp4")
    shown_s = next(frame.time_s for frame in clip if frame.image[16:32, 20].mean() > 150)
    before_s = clip[-1].time_s - 1.0  # it ends a second after the block appears
    assert shown_s == pytest.approx(before_s, abs=0.21)


def frames_of(path: Path) -> list[Frame]:
    with contextlib.closing(open_source(path, MediaClock())) as source:
        return list(iter(source.read, None))


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


def test_last_words_show_no_password() -> None:
    assert last_words(b"first\nrtsp://me:s3cret@camera/1: timed out\n") == "rtsp://***@camera/1: timed out"
    assert last_words(b"") == "it said nothing"


@pytest.fixture
def tapped(rtsp: RtspServer, program: str) -> Iterator[tuple[StreamCopy, Reader]]:
    """A camera that is read as a run reads it, and the packets that come by the same connection."""
    clock, tap = LiveClock(), PacketTap()
    options = StreamOptions(tap=tap)

    def opened() -> FFmpegSource:
        return open_ffmpeg_stream(program, rtsp.url, clock, options)

    stream_copy = StreamCopy(program, tap, 3.0, clock.now)
    reader = Reader("front", opened(), "latest", reopen=opened)
    reader.start()
    yield stream_copy, reader
    reader.stop()
    stream_copy.close()


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


def test_a_clip_reaches_back_before_the_incident_by_the_one_connection_that_is_scored(
    rtsp: RtspServer, tapped: tuple[StreamCopy, Reader], ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    stream_copy, reader = tapped
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
    assert reader.frames_read > 20
    assert rtsp.played == 1


def test_packets_go_on_by_the_same_tap_after_a_camera_has_hung_up(
    rtsp: RtspServer, tapped: tuple[StreamCopy, Reader]
) -> None:
    stream_copy, reader = tapped
    wait_until(lambda: has_packets(stream_copy), "packets of the camera", timeout_s=30)
    rtsp.hang_up()
    wait_until(lambda: reader.reconnects == 1 and reader.error is None, "the second call", timeout_s=30)
    began_s = stream_copy._now()
    wait_until(lambda: bool(stream_copy._ring.since(began_s)), "packets of the second call", timeout_s=30)


def test_a_source_that_hands_on_no_packets_is_a_reason_and_no_clip(program: str) -> None:
    now = [0.0]
    stream_copy = StreamCopy(program, PacketTap(), 1.0, lambda: now[0])
    assert stream_copy.error is None
    now[0] = 20.0
    assert stream_copy.error == "its stream hands on no packets"
    tape = stream_copy.begin(0.0)
    with pytest.raises(StoreError, match="no key frame"):
        tape.write(Path("clip.mp4"), 1.0, 0.0)


def test_a_record_stream_is_copied_by_a_connection_of_its_own_and_opened_again(
    rtsp: RtspServer, program: str
) -> None:
    tap = PacketTap()
    stream_copy = StreamCopy(program, tap, 3.0, LiveClock().now)
    feed = PacketFeed(program, rtsp.url, tap, StreamOptions())
    with contextlib.closing(feed):
        wait_until(lambda: has_packets(stream_copy), "packets of the camera", timeout_s=30)
        rtsp.hang_up()
        wait_until(lambda: feed.error == "the camera closed the stream", "the reason", timeout_s=30)
        wait_until(lambda: rtsp.played >= 2 and feed.error is None, "the second call", timeout_s=30)


def test_a_record_stream_that_is_not_there_is_a_reason_without_its_password(program: str) -> None:
    feed = PacketFeed(program, "rtsp://me:s3cret@127.0.0.1:9/live", PacketTap(), StreamOptions())
    with contextlib.closing(feed):
        wait_until(lambda: feed.error is not None, "a reason", timeout_s=20)
        assert feed.error == "the host is there, but nothing answers at this port"
