from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.evidence.clips import MAX_FPS, Still, at_fixed_rate, frame_rate, write_film
from vad_edge.evidence.images import jpeg


def stills(count: int, fps: float = 10.0) -> list[Still]:
    return [Still(7 + n / fps, jpeg(np.full((48, 64, 3), 20 * (n % 12), np.uint8))) for n in range(count)]


def frames_of(path: Path) -> list[float]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    levels = []
    while (answer := capture.read())[0]:
        levels.append(float(answer[1].mean()))
    capture.release()
    return levels


def test_a_film_plays_every_picture_in_order(tmp_path: Path) -> None:
    write_film(tmp_path / "clip.webm", stills(12), time.monotonic() + 60)
    assert frames_of(tmp_path / "clip.webm") == pytest.approx([20 * n for n in range(12)], abs=6)


def test_a_gap_is_shown_as_long_as_it_was(tmp_path: Path) -> None:
    shown = stills(20)
    write_film(tmp_path / "clip.webm", shown[:5] + shown[15:], time.monotonic() + 60)
    assert len(frames_of(tmp_path / "clip.webm")) == 20


def test_a_film_in_a_hurry_is_short_but_plays(tmp_path: Path) -> None:
    write_film(tmp_path / "clip.webm", stills(12), deadline_s=0.0)
    assert len(frames_of(tmp_path / "clip.webm")) == 1


def test_one_picture_is_a_film(tmp_path: Path) -> None:
    write_film(tmp_path / "clip.webm", stills(1), time.monotonic() + 60)
    assert len(frames_of(tmp_path / "clip.webm")) == 1


def test_no_picture_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no picture"):
        write_film(tmp_path / "clip.webm", [], 0.0)


@given(st.lists(st.floats(0.001, 3.0), min_size=1, max_size=40))
def test_a_film_lasts_as_long_as_its_pictures(gaps: list[float]) -> None:
    times = [float(time_s) for time_s in np.cumsum([0.0, *gaps])]
    fps = frame_rate(times)
    places = at_fixed_rate(times, fps)
    assert 0 < fps <= MAX_FPS
    assert places[0] == 0 or times[1] - times[0] <= 0.5 / fps
    assert places == sorted(places)
    assert places[-1] == len(times) - 1
    assert abs((len(places) - 1) / fps - (times[-1] - times[0])) <= 0.5 / fps + 1e-9
