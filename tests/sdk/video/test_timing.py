from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.video.timing import Backlog, LiveTimes, RecordingTimes


def times_of(
    stamps: list[float | None], fps: float | None = 25.0, override: float | None = None
) -> list[float]:
    times = RecordingTimes(fps, override_fps=override)
    return [times.next(stamp) for stamp in stamps]


def test_stamps_of_a_constant_rate_are_that_rates_to_the_bit() -> None:
    stamps = [round(n / 30, 3) for n in range(90)]  # Matroska counts milliseconds
    assert times_of(stamps, 30.0) == [n / 30 for n in range(90)]


def test_a_variable_rate_keeps_its_stamps() -> None:
    stamps = [0.0, 0.04, 0.08, 0.2, 0.32]
    assert times_of(stamps, 14.4) == pytest.approx(stamps)


def test_a_first_stamp_above_zero_is_the_beginning() -> None:
    assert times_of([1.4, 1.44, 1.54]) == pytest.approx([0.0, 0.04, 0.14])


@pytest.mark.parametrize("stamps", [[0.0, 0.0, 0.0, 0.0], [None, None, None, None]])
def test_without_stamps_the_rate_counts(stamps: list[float | None]) -> None:
    assert times_of(stamps, 50.0) == pytest.approx([0.0, 0.02, 0.04, 0.06])


def test_stamps_that_begin_again_go_on_after_one_period() -> None:
    assert times_of([10.0, 10.5, 0.0, 0.5], 10.0) == pytest.approx([0.0, 0.5, 0.6, 1.1])


def test_a_given_rate_is_believed_before_the_stamps() -> None:
    assert times_of([0.0, 0.7, 0.9], 25.0, override=5.0) == pytest.approx([0.0, 0.2, 0.4])


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0.5, 300))
def test_media_time_begins_at_zero_and_never_falls(stamps: list[float | None], fps: float) -> None:
    times = times_of(stamps, fps)
    assert times[0] == 0.0
    assert times == sorted(times)


def test_a_live_frame_was_taken_when_its_stamp_says_and_not_when_it_came() -> None:
    times = LiveTimes()
    arrivals = [100.00, 100.04, 100.31, 100.32, 100.33, 100.34, 100.35, 100.36, 100.36]
    found = [times.next(arrived, n / 25) for n, arrived in enumerate(arrivals)]
    assert found == pytest.approx([100.0 + n / 25 for n in range(9)], abs=0.002)


def test_a_camera_whose_clock_runs_wrong_is_followed() -> None:
    times = LiveTimes()
    late = [n * 0.04 - times.next(n * 0.04, n * 0.04 * 0.9995) for n in range(25 * 600)]
    assert max(map(abs, late)) < 0.002


@pytest.mark.parametrize("jump", [-5000.0, 5000.0, -3.0])
def test_a_stamp_that_jumps_begins_again_at_its_arrival(jump: float) -> None:
    times = LiveTimes()
    for n in range(10):
        times.next(n * 0.1, n * 0.1)
    for n in range(10, 20):
        found = times.next(n * 0.1, n * 0.1 + jump)
    assert found == pytest.approx(1.9, abs=0.01)


@given(st.lists(st.tuples(st.floats(0, 2), st.none() | st.floats(-1e5, 1e5)), max_size=50))
def test_live_times_never_fall_and_are_never_later_than_the_arrival(
    frames: list[tuple[float, float | None]],
) -> None:
    times, now, last = LiveTimes(), 0.0, 0.0
    for waited, stamp in frames:
        now += waited
        time_s = times.next(now, stamp)
        assert last <= time_s <= now + 1e-6
        last = time_s


def test_frames_that_were_buffered_are_told_from_those_that_had_to_be_waited_for() -> None:
    backlog = Backlog(25.0)
    assert [backlog.holds(time) for time in (5.0, 5.001, 5.003, 5.003, 5.035)] == [True] * 4 + [False]


def test_a_stream_that_never_stops_to_hurry_is_taken_as_it_comes() -> None:
    backlog = Backlog(25.0)
    assert sum(backlog.holds(n * 0.01) for n in range(1000)) == 200
