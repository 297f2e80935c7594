from __future__ import annotations

import contextlib
import shutil

import pytest

from vad_edge.clock import LiveClock
from vad_edge.errors import SourceError
from vad_edge.video import gstreamer
from vad_edge.video.gstreamer import PROGRAM, csi_pipeline, frame_size
from vad_edge.video.open import open_source

needs_gstreamer = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed: apt-get install gstreamer1.0-tools"
)

TEST_PICTURE = "videotestsrc num-buffers={count} pattern=red ! video/x-raw,width=64,height=48,framerate=10/1"


@needs_gstreamer
def test_a_pipeline_gives_bgr_frames_stamped_by_the_clock() -> None:
    source = open_source("gst:" + TEST_PICTURE.format(count=3), LiveClock())
    frames = [source.read() for _ in range(3)]
    source.close()
    assert (source.info.width, source.info.height, source.info.live) == (64, 48, True)
    for frame in frames:
        assert frame is not None
        blue, green, red = frame.image.mean(axis=(0, 1))
        assert red > 200
        assert max(blue, green) < 60
    assert frames[0].time_s <= frames[1].time_s <= frames[2].time_s  # type: ignore[union-attr]


@needs_gstreamer
def test_a_pipeline_that_ends_or_fails_says_its_last_words() -> None:
    source = open_source("gst:" + TEST_PICTURE.format(count=1), LiveClock())
    source.read()
    with pytest.raises(SourceError, match="the pipeline ended"):
        source.read()
    source.close()

    broken = open_source("gst:nosuchelement ! video/x-raw,width=64,height=48", LiveClock())
    with pytest.raises(SourceError, match=r'no element "nosuchelement".*try it by hand'):
        broken.read()
    broken.close()


@needs_gstreamer
def test_a_pipeline_that_hangs_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gstreamer, "SILENCE_S", 1.0)
    stuck = f"gst:{TEST_PICTURE.format(count=1)} ! identity sleep-time=60000000"
    source = open_source(stuck, LiveClock())
    with contextlib.closing(source), pytest.raises(SourceError, match="the pipeline gave no frame for 1 s"):
        source.read()


@needs_gstreamer
def test_frames_of_a_pipeline_have_the_times_they_were_taken_at() -> None:
    live = "videotestsrc is-live=true num-buffers=20 ! video/x-raw,width=64,height=48,framerate=20/1"
    source = open_source(f"gst:{live}", LiveClock())
    times = [frame.time_s for frame in (source.read() for _ in range(20)) if frame is not None]
    source.close()
    assert times[-1] - times[5] == pytest.approx(14 / 20, abs=0.02)


def test_the_size_comes_from_the_last_caps() -> None:
    first, last = "video/x-raw,width=(int)1920,height=1080", "video/x-raw, width=640, height=360"
    assert frame_size(f"a ! {first} ! b ! {last}") == (640, 360)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("videotestsrc", "the pipeline gives no frame size; end it with caps such as"),
        ("videotestsrc ! video/x-raw,width=641,height=360", "width 641 is not a multiple of 4"),
    ],
)
def test_a_pipeline_without_a_usable_size_is_refused(pipeline: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        frame_size(pipeline)


def test_the_csi_pipeline_names_sensor_size_and_rate() -> None:
    pipeline = csi_pipeline(1, 15.0)
    assert pipeline.startswith("nvarguscamerasrc sensor-id=1 ! ")
    assert "framerate=15/1" in pipeline
    assert frame_size(pipeline) == (1280, 720)


def test_without_gstreamer_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SourceError, match="is not installed; apt install gstreamer"):
        open_source("csi:0", LiveClock())


def test_a_quote_that_is_not_closed_is_named() -> None:
    with pytest.raises(SourceError, match=r"^gst:.*the pipeline cannot be read: No closing quotation; "):
        open_source('gst:filesrc location="a.mp4 ! video/x-raw,width=64,height=48', LiveClock())
