from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.support.ffmpeg import Ffmpeg, RtspServer
from tests.support.footage import quiet_frames
from tests.support.mosquitto import wait_until
from tests.support.runs import POLICY, Notes

from vad_edge.clock import LiveClock
from vad_edge.config.site import CameraConfig, RestreamConfig, SiteConfig
from vad_edge.errors import ConfigError, SourceError
from vad_edge.runtime.restream import restream
from vad_edge.runtime.rtsp_server import Channel, read_request
from vad_edge.runtime.rtsp_server import RtspServer as Restream
from vad_edge.runtime.settings import RunSummary
from vad_edge.video.ffmpeg_source import FFmpegSource, open_ffmpeg_stream
from vad_edge.video.opencv import open_stream
from vad_edge.video.stream_options import AS_IT_COMES


@pytest.fixture
def channel(ffmpeg: Ffmpeg, tmp_path: Path) -> Iterator[Channel]:
    """A channel that is fed ten pictures a second, without end."""
    clip = ffmpeg.encode(tmp_path / "clip.ts", quiet_frames(100), key_every=5)
    data, fed, over = clip.read_bytes(), Channel(), threading.Event()

    def feed() -> None:
        portion = max(len(data) // 1000, 188)
        while not over.is_set():
            for place in range(0, len(data), portion):
                fed.put(data[place : place + portion])
                if over.wait(0.01):
                    return

    thread = threading.Thread(target=feed)
    thread.start()
    yield fed
    over.set()
    thread.join()


@pytest.fixture
def serve(channel: Channel) -> Iterator[Callable[[str], Restream]]:
    with ExitStack() as stack:

        def begin(login: str = "") -> Restream:
            server = Restream(("127.0.0.1", 0), {"gate": channel}, login)
            stack.callback(server.close)
            return server

        yield begin


def seen_at(url: str) -> FFmpegSource:
    return open_ffmpeg_stream("ffmpeg", url, LiveClock(), AS_IT_COMES)


def test_other_programs_see_the_camera(serve: Callable[..., Restream]) -> None:
    url = f"rtsp://127.0.0.1:{serve().port}/gate"
    for opened in (
        open_ffmpeg_stream("ffmpeg", url, LiveClock(), AS_IT_COMES),
        open_stream(url, LiveClock()),
    ):
        with contextlib.closing(opened):
            frames = [opened.read() for _ in range(5)]
        assert opened.info.codec == "h264"
        assert all(frame is not None and frame.image.shape == (48, 64, 3) for frame in frames)


def test_a_login_is_asked_for_and_no_other_is_taken(serve: Callable[..., Restream]) -> None:
    port = serve("guard:pass:word").port
    good = open_ffmpeg_stream(
        "ffmpeg", f"rtsp://guard:pass%3Aword@127.0.0.1:{port}/gate", LiveClock(), AS_IT_COMES
    )
    assert good.read() is not None
    good.close()
    for place in ("127.0.0.1", "guard:wrong@127.0.0.1"):
        with pytest.raises(SourceError, match="refuses the user name or the password"):
            seen_at(f"rtsp://{place}:{port}/gate")


def test_a_camera_that_is_not_there_is_not_found(serve: Callable[..., Restream]) -> None:
    with pytest.raises(SourceError, match="no stream at this path"):
        seen_at(f"rtsp://127.0.0.1:{serve().port}/none")


def test_viewers_that_leave_leave_nothing_behind(serve: Callable[..., Restream], channel: Channel) -> None:
    url = f"rtsp://127.0.0.1:{serve().port}/gate"
    threads = threading.active_count()
    for _ in range(3):
        source = seen_at(url)
        assert source.read() is not None
        source.close()
    wait_until(lambda: not channel._viewers, "viewers to be gone")
    wait_until(lambda: threading.active_count() <= threads, "their threads to end")


def test_rubbish_ends_its_own_connection_alone(serve: Callable[..., Restream]) -> None:
    port = serve().port
    for rubbish in (b"\0" * 10_000, b"GET / HTTP/1.1\r\n\r\n", b"A" * 5000, b"$\0\xff\xff"):
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        with connection, contextlib.suppress(OSError):
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            assert b"200 OK" not in connection.recv(1000)
    source = seen_at(f"rtsp://127.0.0.1:{port}/gate")
    assert source.read() is not None
    source.close()


def test_a_slow_viewer_holds_nobody_up_and_begins_again_at_a_key_frame(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = ffmpeg.encode(tmp_path / "clip.ts", quiet_frames(60), key_every=5)
    channel = Channel()
    _, waiting = channel.join()
    for _ in range(200):
        channel.put(clip.read_bytes())
    assert waiting.qsize() <= 512
    assert waiting.get_nowait()[0] == 0x47


@given(data=st.binary(max_size=300))
def test_a_request_is_read_or_refused(data: bytes) -> None:
    lines = data.splitlines(keepends=True)
    with contextlib.suppress(ValueError):
        request = read_request(lambda most: lines.pop(0)[:most] if lines else b"")
        assert request is None or request.method


def test_it_listens_beyond_loopback_only_with_a_password() -> None:
    with pytest.raises(
        ValidationError, match=r"192\.0\.2\.1 can be reached by others: give user and password_file"
    ):
        RestreamConfig(host="192.0.2.1")
    with pytest.raises(ValidationError, match="give both user and password_file, or neither"):
        RestreamConfig(user="guard")
    assert RestreamConfig(host="192.0.2.1", user="guard", password_file=Path("p")).port == 8554


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, ExitStack() as stack:
        site = SiteConfig(restream=RestreamConfig(port=taken.getsockname()[1]))
        with pytest.raises(ConfigError, match="cannot be listened at: Address already in use"):
            restream(site, {}, stack)


def test_a_run_hands_its_cameras_on_by_the_one_connection_it_has(
    rtsp: RtspServer, go: Callable[..., RunSummary], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    camera = CameraConfig(name="gate", source=rtsp.url, policy=POLICY)
    masked = CameraConfig(name="yard", source=rtsp.url, privacy_masks=(((0, 0), (1, 0), (1, 1)),))
    site = SiteConfig(camera=(camera, masked), restream=RestreamConfig(port=port))
    stop, seen = threading.Event(), []

    def look() -> None:
        deadline_s = time.monotonic() + 40
        while not seen and time.monotonic() < deadline_s:
            with contextlib.suppress(SourceError):
                source = open_stream(f"rtsp://127.0.0.1:{port}/gate", LiveClock())
                seen.append(source.read())
                source.close()
        stop.set()

    threading.Thread(target=look).start()
    go(notes=Notes(), site=site, stop=stop, duration_s=60.0)
    assert seen
    assert seen[0].image.shape == (48, 64, 3)
    assert rtsp.played == 2  # one connection for each of the two cameras
    assert "camera yard is not restreamed: its privacy masks would not hide" in caplog.text
