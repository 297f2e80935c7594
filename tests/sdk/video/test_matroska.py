from __future__ import annotations

import os
from datetime import datetime, timezone
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.ffmpeg import Ffmpeg
from tests.support.footage import quiet_frames

from vad_edge.video.container import missing_bytes
from vad_edge.video.matroska import TICK_S, Muxer

BEGAN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


def jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def mux(path: Path, times: list[float], *, finish: bool = True) -> Path:
    pictures = [jpeg(image) for image in quiet_frames(min(len(times), 5))]
    with path.open("wb") as file:
        muxer = Muxer(file.write, "mjpeg", (64, 48), began=BEGAN)
        for number, time_s in enumerate(times):
            muxer.add(pictures[number % len(pictures)], time_s)
        for patch in muxer.patches() if finish else ():
            file.seek(patch.offset)
            file.write(patch.data)
    return path


def test_each_picture_has_its_own_time_and_the_file_its_rate_and_start(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    times = [n / 7.5 + 0.02 * (n % 3) for n in range(60)]
    path = mux(tmp_path / "clip.mkv", times)
    np.testing.assert_allclose(ffmpeg.times(path), times, atol=TICK_S)
    facts = ffmpeg.facts(path)
    rate = 59 / (times[-1] - times[0])
    assert abs(facts.fps / rate - 1) < 0.001
    assert abs(facts.duration_s - 60 / rate) < 0.001
    assert facts.began == BEGAN
    assert ffmpeg.complaints(path) == ""


def test_a_file_that_was_cut_says_so_and_one_that_was_never_finished_does_not(tmp_path: Path) -> None:
    times = [n / 25 for n in range(100)]
    whole = mux(tmp_path / "whole.mkv", times)
    assert missing_bytes(whole) == 0
    os.truncate(whole, whole.stat().st_size - 1000)
    assert missing_bytes(whole) == 1000
    assert missing_bytes(mux(tmp_path / "killed.mkv", times, finish=False)) == 0


def test_a_file_that_was_never_finished_plays_to_its_last_picture(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    times = [n / 25 for n in range(100)]
    path = mux(tmp_path / "clip.mkv", times, finish=False)
    np.testing.assert_allclose(ffmpeg.times(path), times, atol=TICK_S)


@settings(max_examples=15)
@given(gaps=st.lists(st.floats(0, 40), min_size=1, max_size=40), whole=st.booleans())
def test_opencv_reads_as_many_pictures_as_were_written(
    tmp_path_factory: object, gaps: list[float], whole: bool
) -> None:
    path = mux(tmp_path_factory.mktemp("mux") / "clip.mkv", list(accumulate(gaps)), finish=whole)  # type: ignore[attr-defined]
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.read()[0]:
        count += 1
    assert count == len(gaps)
