from __future__ import annotations

import contextlib
import gc
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.support.ffmpeg import Ffmpeg, RtspServer
from tests.support.mosquitto import wait_until

from vad_edge.clock import LiveClock, MediaClock
from vad_edge.errors import SourceError
from vad_edge.video.ffmpeg_command import decode_command, file_input
from vad_edge.video.ffmpeg_source import FFmpegSource, described, open_ffmpeg_file
from vad_edge.video.frame import Frame
from vad_edge.video.open import open_source
from vad_edge.video.opencv import open_file
from vad_edge.video.source import FrameSource
from vad_edge.video.stream_options import AS_IT_COMES, StreamOptions

Make = Callable[..., Path]
UNEVEN = ("-vf", r"select=lt(t\,1)+gte(t\,1)*not(mod(n\,3))", "-fps_mode", "vfr")
"""Every frame of the first second, and then every third."""


@pytest.fixture
def make(ffmpeg: Ffmpeg, tmp_path: Path) -> Make:
    """Makes a clip of a test picture by ffmpeg's options."""

    def made(name: str, *options: str, rate: float = 25, seconds: float = 2, size: str = "160x120") -> Path:
        source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *options, str(tmp_path / name)], check=True)
        return tmp_path / name

    return made


def all_of(source: FrameSource) -> list[Frame]:
    with contextlib.closing(source):
        return list(iter(source.read, None))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", ("-c:v", "libx264")),
        ("reordered.mkv", ("-c:v", "libx264", "-bf", "3")),
        ("stream.ts", ("-c:v", "libx264")),
        ("bare.h264", ("-c:v", "libx264")),
        ("photos.avi", ("-c:v", "mjpeg")),
        ("lossless.mkv", ("-c:v", "ffv1")),
        (
            "uneven.mp4",
            ("-vf", r"select=lt(t\,1)+gte(t\,1)*not(mod(n\,3))", "-fps_mode", "vfr", "-c:v", "libx264"),
        ),
    ],
)
def test_both_decoders_give_the_same_pictures_at_the_same_times(
    make: Make, name: str, options: tuple[str, ...]
) -> None:
    clip = make(name, *options)
    ours = all_of(open_ffmpeg_file("ffmpeg", clip, AS_IT_COMES))
    theirs = all_of(open_file(clip))
    assert [frame.time_s for frame in ours] == pytest.approx([frame.time_s for frame in theirs])
    assert all(np.array_equal(a.image, b.image) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("pixels", "size"), [("yuv420p10le", "160x120"), ("yuv420p", "3840x2160")])
def test_ten_bits_and_4k_come_in_by_both_decoders(make: Make, pixels: str, size: str) -> None:
    clip = make("clip.mkv", "-c:v", "libx264", "-pix_fmt", pixels, seconds=0.2, size=size)
    ours = all_of(open_ffmpeg_file("ffmpeg", clip, AS_IT_COMES))
    theirs = all_of(open_file(clip))
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a.image.astype(int) - b.image).mean() < 4.0


def test_frames_of_variable_rate_have_the_times_they_were_taken_at(make: Make) -> None:
    clip = make("uneven.mp4", *UNEVEN, "-c:v", "libx264")
    taken = [n / 25 for n in range(50) if n < 25 or n % 3 == 0]
    assert [frame.time_s for frame in all_of(open_source(clip, MediaClock()))] == pytest.approx(taken)


@pytest.mark.parametrize("rate", [250, 300])
def test_fast_recordings_are_as_fast_as_they_are(make: Make, rate: int) -> None:
    source = open_source(make("fast.mp4", "-c:v", "libx264", rate=rate, seconds=1), MediaClock())
    assert source.info.fps == rate
    assert [frame.time_s for frame in all_of(source)] == pytest.approx([n / rate for n in range(rate)])


@pytest.mark.parametrize(
    ("name", "codec"), [("lines.mp4", "libx264"), ("lines.ts", "mpeg2video"), ("lines.mkv", "libx264")]
)
def test_interlaced_video_is_deinterlaced(make: Make, name: str, codec: str) -> None:
    still = ("-vf", "select=eq(n\\,0),loop=49:1,setpts=N/25/TB,setfield=tff", "-flags", "+ildct+ilme")
    clip = make(name, *still, "-c:v", codec, "-q:v", "2")
    shown = make("still.png", "-frames:v", "1")
    (wanted,) = all_of(open_file(shown))
    frames = all_of(open_source(clip, MediaClock()))
    assert len(frames) == 50
    for frame in frames[5:45]:
        assert np.abs(frame.image.astype(int) - wanted.image).mean() < 12.0


def test_pictures_are_scaled_down_where_they_are_decoded_and_never_up(make: Make) -> None:
    clip = make("clip.mp4", "-c:v", "libx264")
    small = open_ffmpeg_file("ffmpeg", clip, StreamOptions(width=80))
    assert (small.info.width, small.info.height) == (80, 60)
    assert {frame.image.shape for frame in all_of(small)} == {(60, 80, 3)}
    large = open_ffmpeg_file("ffmpeg", clip, StreamOptions(width=640))
    assert (large.info.width, large.info.height) == (160, 120)
    large.close()


def test_a_hardware_decoder_that_is_not_there_is_named_and_the_processor_decodes(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    clip = make("clip.mp4", "-c:v", "libx264")
    assert len(all_of(open_source(clip, MediaClock(), options=StreamOptions(decode="v4l2")))) == 50
    assert "v4l2 does not decode it, the processor does: " in caplog.text


def test_a_file_without_video_is_refused(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    path = tmp_path / "cat.mkv"
    path.write_text("a picture of a cat")
    with pytest.raises(SourceError, match="no video that can be decoded"):
        open_ffmpeg_file("ffmpeg", path, AS_IT_COMES)


def refusal(url: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        open_source(url, LiveClock())
    return caught.value


def test_each_cause_has_its_own_sentence(rtsp: RtspServer) -> None:
    right = rtsp.url
    wrong = right.replace("s3cret", "Secr%23t")
    assert "the camera refuses the user name or the password" in str(refusal(wrong))
    assert "Secr" not in str(refusal(wrong))
    assert "the camera has no stream at this path" in str(refusal(right.replace("/live", "/none")))
    assert "nothing answers at this port" in str(refusal("rtsp://127.0.0.1:9/live"))
    assert "there is no host of this name" in str(refusal("rtsp://camera.invalid/live"))


def test_a_server_that_sends_rubbish_is_refused_in_words(ffmpeg: Ffmpeg) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(os.urandom(5000))

        threading.Thread(target=answer, daemon=True).start()
        text = str(refusal(f"rtsp://127.0.0.1:{server.getsockname()[1]}/live"))
    assert "/live: " in text
    assert "; " in text


def test_a_live_stream_gives_what_is_taken_now_at_its_own_rate(rtsp: RtspServer) -> None:
    clock = LiveClock()
    source = open_source(rtsp.url, clock)
    frames = [source.read() for _ in range(30)]
    source.close()
    times = [frame.time_s for frame in frames if frame is not None]
    assert source.info.live
    assert source.info.codec == "h264"
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(10.0, rel=0.01)


def test_a_camera_that_hangs_up_is_an_error(rtsp: RtspServer) -> None:
    source = open_source(rtsp.url, LiveClock())
    assert source.read() is not None
    rtsp.hang_up()
    with (
        contextlib.closing(source),
        pytest.raises(SourceError, match=r"the camera closed the stream|the stream broke off|no frame"),
    ):
        list(iter(source.read, None))


def held() -> tuple[int, int, int]:
    """What this process holds: threads, descriptors, children."""
    gc.collect()
    process = psutil.Process()
    return threading.active_count(), process.num_fds(), len(process.children())


def test_sources_that_are_closed_leave_nothing_behind(make: Make) -> None:
    clip = make("clip.mp4", "-c:v", "libx264", seconds=20)

    def once() -> None:
        source = open_ffmpeg_file("ffmpeg", clip, AS_IT_COMES)
        assert source.read() is not None
        source.close()
        with pytest.raises(SourceError):
            open_ffmpeg_file("ffmpeg", clip.with_name("none.mp4"), AS_IT_COMES)

    once()
    before = held()
    for _ in range(5):
        once()
    wait_until(lambda: held() <= before, "all to be let go")
    assert all(now <= then for now, then in zip(held(), before, strict=True))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "  Stream #0:0(und): Video: hevc (Main) (hev1), yuv420p(tv), 3840x2160, 15 fps, 15 tbr",
            ("hevc", 15.0),
        ),
        ("  Stream #0:1[0x100]: Video: mjpeg (Baseline), yuvj422p, 640x480, 29.97 fps", ("mjpeg", 29.97)),
        ("  Stream #0:0: Video: h264 (High), yuv420p(progressive), 64x48, 90k tbr, 90k tbn", ("h264", None)),
        ("  Stream #0:0: Audio: aac (LC), 48000 Hz, stereo", ("", None)),
    ],
)
def test_what_ffmpeg_says_of_a_stream(line: str, found: tuple[str, float | None]) -> None:
    assert described(f"Input #0\n{line}\n") == found


def test_ctrl_c_reaches_ffmpeg_through_us_alone(make: Make) -> None:
    source = open_ffmpeg_file("ffmpeg", make("clip.mp4", "-c:v", "libx264", seconds=20), AS_IT_COMES)
    (child,) = psutil.Process().children()
    assert os.getpgid(child.pid) != os.getpgid(0)
    source.close()
    deadline = time.monotonic() + 5
    while psutil.pid_exists(child.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(child.pid)


@pytest.mark.parametrize(
    ("size", "kept", "most"), [("160x120", "yuv420p", 1.5), ("161x121", "yuv444p", 12.0)]
)
def test_planes_that_live_streams_come_in_show_what_whole_pictures_do(
    make: Make, size: str, kept: str, most: float
) -> None:
    clip = make("clip.mkv", "-c:v", "libx264", "-pix_fmt", kept, size=size)
    command = decode_command("ffmpeg", file_input(clip), AS_IT_COMES, pixels="yuv420p")
    planes = all_of(FFmpegSource(command, b"", "clip", pixels="yuv420p"))
    whole = all_of(open_file(clip))
    assert len(planes) == len(whole) == 50
    for a, b in zip(planes, whole, strict=True):
        assert a.time_s == pytest.approx(b.time_s, abs=0.001)
        assert a.image.shape == (120, 160, 3)
        assert np.abs(a.image.astype(int) - b.image[:120, :160]).mean() < most


def test_a_stream_whose_pictures_change_their_size_breaks_off_and_gives_no_torn_picture(make: Make) -> None:
    small = make("small.ts", "-c:v", "libx264", seconds=1)
    large = make("large.ts", "-c:v", "libx264", seconds=1, size="320x240")
    both = small.with_name("both.ts")
    both.write_bytes(small.read_bytes() + large.read_bytes())
    source = open_ffmpeg_file("ffmpeg", both, AS_IT_COMES)
    shapes = set()
    with contextlib.closing(source), contextlib.suppress(SourceError):
        for frame in iter(source.read, None):
            shapes.add(frame.image.shape)
    assert shapes == {(120, 160, 3)}
