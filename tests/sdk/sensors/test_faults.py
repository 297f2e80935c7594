from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.sensors.faults import FlapCheck, StuckCheck, skew_of


def test_a_stream_that_stops_moving_is_stuck_and_recovers() -> None:
    noise, check = random.Random(1), StuckCheck()
    for _ in range(300):
        check.learn(round(noise.gauss(20, 1), 1))
    assert not check.stuck
    for _ in range(40):
        check.learn(21.5)
    assert check.stuck
    assert (check.run, check.value) == (40, 21.5)
    check.learn(21.6)
    assert not check.stuck


def test_a_stream_that_hardly_ever_moves_is_not_stuck() -> None:
    check = StuckCheck()
    for number in range(5000):
        check.learn(float(number // 500))
    assert not check.stuck


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=80))
def test_few_readings_prove_nothing(values: list[float]) -> None:
    check = StuckCheck()
    for value in values:
        check.learn(value)
    assert not check.stuck


def test_a_stream_that_changes_all_the_time_flaps_until_it_rests() -> None:
    check = FlapCheck(most_per_min=10)
    for number in range(30):
        check.learn(float(number % 2), float(number))
    assert check.flaps(30.0)
    assert not check.flaps(80.0)


def test_a_door_that_is_used_does_not_flap() -> None:
    check = FlapCheck(most_per_min=10)
    for number in range(30):
        check.learn(float(number % 2), 7.0 * number)
    assert not check.flaps(203.0)


@pytest.mark.parametrize(
    ("sent_s", "skew_s"), [(None, 0.0), (1000.0, 0.0), (1050.0, 0.0), (4600.0, 3600.0), (400.0, -600.0)]
)
def test_a_clock_is_skewed_from_a_minute_on(sent_s: float | None, skew_s: float) -> None:
    assert skew_of(sent_s, 1000.0) == skew_s
