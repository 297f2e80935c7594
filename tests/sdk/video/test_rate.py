from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.video.frame import resize_into
from vad_edge.video.rate import Admission, FrameRateGate


def taken(times: list[float], fps: float = 10.0) -> list[float]:
    gate = FrameRateGate(fps, max_gap_s=2.0)
    return [time_s for time_s in times if gate.admit(time_s).take]


@pytest.mark.parametrize(("source", "share"), [(10, 1), (20, 2), (30, 3), (5, 1)])
def test_a_source_is_thinned_to_the_models_rate(source: int, share: int) -> None:
    times = [number / source for number in range(10 * source)]
    assert taken(times) == times[::share]


def test_25_frames_a_second_become_10_without_drift() -> None:
    times = [number / 25 for number in range(2500)]
    assert len(taken(times)) == pytest.approx(1000, abs=1)


def test_a_frame_that_comes_a_little_early_counts_for_its_tick() -> None:
    times = [number / 10 - (0.02 if number % 2 else 0.0) for number in range(50)]
    assert taken(times) == times


def test_a_gap_is_told_once_and_starts_a_new_grid() -> None:
    gate = FrameRateGate(10.0, max_gap_s=2.0)
    assert not gate.admit(0.0).gap
    assert gate.admit(5.03).gap
    assert not gate.admit(5.05).take
    assert gate.admit(5.13).take


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200), st.floats(1, 60))
def test_never_faster_than_the_model_and_never_backwards(times: list[float], fps: float) -> None:
    found = taken(sorted(times), fps)
    assert found == sorted(found)
    assert len(found) <= (max(times) - min(times)) * fps + 2


def test_a_frame_of_the_right_size_is_copied_and_any_other_resized_in_place() -> None:
    out = np.zeros((24, 32, 3), np.uint8)
    same = np.full((24, 32, 3), 7, np.uint8)
    resize_into(same, out)
    assert (out == 7).all()
    resize_into(np.full((48, 64, 3), 9, np.uint8), out)
    assert (out == 9).all()


_steps = st.lists(st.floats(0, 5), min_size=1, max_size=100)


@given(start=st.floats(0, 1e5), steps=_steps, fps=st.floats(1, 60), max_gap_s=st.floats(0.1, 3))
def test_a_gap_is_told_exactly_when_the_last_frame_taken_is_too_long_ago(
    start: float, steps: list[float], fps: float, max_gap_s: float
) -> None:
    gate = FrameRateGate(fps, max_gap_s)
    assert gate.admit(start) == Admission(take=True)
    time_s = last_s = start
    for step in steps:
        time_s += step
        admission = gate.admit(time_s)
        assert admission.gap == (time_s - last_s > max_gap_s)
        assert admission.take or not admission.gap
        last_s = time_s if admission.take else last_s


@given(start=st.floats(0, 1e5), source=st.floats(0.6, 10))
def test_a_slower_source_loses_no_frame(start: float, source: float) -> None:
    times = [start + number / source for number in range(100)]
    assert taken(times) == times


@given(source=st.floats(10, 240))
def test_a_faster_source_misses_no_tick(source: float) -> None:
    times = [number / source for number in range(int(20 * source))]
    assert len(taken(times)) == pytest.approx(200, abs=1)


def test_a_frame_older_than_the_last_one_taken_is_left_out() -> None:
    gate = FrameRateGate(10.0, max_gap_s=2.0)
    gate.admit(7.0)
    assert gate.admit(1.0) == Admission(take=False)
    assert gate.admit(7.1) == Admission(take=True)
