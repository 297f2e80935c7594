from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.sensors.baseline import SURPRISE_CAP, AnalogBaseline, BinaryBaseline, PulseBaseline, decayed

finite = st.floats(allow_nan=False, allow_infinity=False)


def test_an_analog_stream_surprises_nobody_while_it_is_learned() -> None:
    baseline = AnalogBaseline(warmup=5)
    assert [baseline.update(value, 0.0) for value in (1.0, 900.0, -3.0, 5.0, 2.0)] == [0.0] * 5


def test_an_outlier_surprises_more_than_what_is_usual() -> None:
    noise = random.Random(1)
    baseline = AnalogBaseline()
    usual = [baseline.update(noise.gauss(20, 1), 0.0) for _ in range(300)][-100:]
    assert max(usual) < 2.5
    assert baseline.update(30.0, 0.0) > 4


def test_a_stream_that_never_moved_surprises_when_it_does() -> None:
    baseline = AnalogBaseline()
    for _ in range(50):
        baseline.update(21.0, 0.0)
    assert baseline.update(21.0, 0.0) == 0.0
    assert baseline.update(35.0, 0.0) == SURPRISE_CAP


def test_an_onset_starts_from_one_an_hour_and_grows_ordinary() -> None:
    baseline = BinaryBaseline(10)
    assert baseline.update(0.0, 0.0) == 0.0
    first = baseline.update(1.0, 0.0)
    assert first == pytest.approx(2.557, abs=0.001)
    assert baseline.update(1.0, 1.0) == 0.0
    later = first
    for second in range(2, 200, 2):
        baseline.update(0.0, float(second))
        surprise = baseline.update(1.0, second + 1.0)
        assert surprise < later
        later = surprise
    assert later < 0.8


def test_a_stream_that_is_on_when_first_heard_has_not_turned_on() -> None:
    assert BinaryBaseline(10).update(1.0, 0.0) == 0.0


def test_a_surprise_falls_in_a_straight_line() -> None:
    assert [decayed(4.0, age, 10) for age in (0, 5, 10, 99)] == [4.0, 2.0, 0.0, 0.0]
    assert decayed(4.0, -3, 10) == 4.0


@given(st.lists(st.tuples(finite, finite), max_size=60), st.floats(min_value=1e-300, max_value=1e300))
def test_a_surprise_is_finite_and_never_negative(readings: list[tuple[float, float]], hold_s: float) -> None:
    for baseline in (AnalogBaseline(hold_s, warmup=2), BinaryBaseline(hold_s), PulseBaseline(hold_s)):
        for value, time_s in readings:
            assert 0.0 <= baseline.update(value, time_s) <= SURPRISE_CAP
