from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.sensors.baseline import SURPRISE_CAP, AnalogBaseline, BinaryBaseline, PulseBaseline, decayed

finite = st.floats(allow_nan=False, allow_infinity=False)


def test_an_analog_stream_causes_no_surprise_while_it_is_learned() -> None:
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


def test_what_is_ordinary_by_day_is_a_surprise_by_night() -> None:
    noise, baseline = random.Random(1), AnalogBaseline(10.0)
    for minute in range(6 * 1440):
        night = minute // 60 % 24 < 8
        baseline.update(noise.gauss(30 if night else 60, 2), 60.0 * minute, "night" if night else "day")
    time_s = 60.0 * 6 * 1440
    assert baseline.update(60.0, time_s, "day") < 1.0
    assert baseline.update(60.0, time_s + 60.0, "night") > 2.5


def test_a_slot_that_was_never_seen_leans_on_the_whole() -> None:
    noise, baseline = random.Random(1), AnalogBaseline(10.0)
    for number in range(600):
        baseline.update(noise.gauss(20, 1), 10.0 * number, "lights=on")
    assert baseline.update(20.5, 6000.0, "lights=off") < 1.0
    assert baseline.update(35.0, 6010.0, "lights=off") > 2.5


def test_doors_that_open_all_day_surprise_at_night() -> None:
    baseline = BinaryBaseline(10.0)
    for number in range(4 * 24 * 60):
        day = 8 <= number // 60 % 24 < 20
        slot = "day" if day else "night"
        baseline.update(0.0, 60.0 * number, slot)
        if day and number % 5 == 0:
            baseline.update(1.0, 60.0 * number + 30.0, slot)
    end_s = 4 * 86400.0
    by_night = baseline.update(1.0, end_s, "night")
    baseline.update(0.0, end_s + 5.0, "day")
    assert by_night > baseline.update(1.0, end_s + 10.0, "day") + 1.0


def test_a_burst_of_pulses_surprises_and_single_ones_do_not() -> None:
    baseline = PulseBaseline(10.0)
    usual = [baseline.update(1.0, 60.0 * number) for number in range(500)]
    assert max(usual[100:]) < 1.5
    burst = [baseline.update(1.0, 30_000.0 + number) for number in range(8)]
    assert burst[-1] > 3.0
    assert burst == sorted(burst)


def test_a_stream_that_lies_deviates_and_causes_no_surprise_in_the_end() -> None:
    noise, baseline = random.Random(1), AnalogBaseline(10.0)
    for number in range(2000):
        baseline.update(noise.gauss(20, 1), 5.0 * number)
    lies, unlike = [], []
    for number in range(2000, 4000):
        lying = number % 3 == 0
        surprise = baseline.update(noise.uniform(60, 90) if lying else noise.gauss(20, 1), 5.0 * number)
        if lying:
            lies.append(surprise)
            unlike.append(baseline.experience.unlike)
    assert lies[0] > 3.0
    assert not unlike[0]
    assert all(unlike[60:300])
    assert lies[-1] < 1.0


def test_a_stream_that_tells_the_truth_again_is_itself_again() -> None:
    noise, baseline = random.Random(1), AnalogBaseline(10.0)
    for number in range(2000):
        baseline.update(noise.gauss(20, 1), 5.0 * number)
    for number in range(2000, 2200):
        baseline.update(noise.uniform(60, 90) if number % 3 == 0 else noise.gauss(20, 1), 5.0 * number)
    assert baseline.experience.unlike
    for number in range(2200, 2600):
        baseline.update(noise.gauss(20, 1), 5.0 * number)
    assert not baseline.experience.unlike


def test_silence_teaches_nothing() -> None:
    noise, baseline = random.Random(1), AnalogBaseline(10.0)
    for number in range(300):
        baseline.update(noise.gauss(20, 1), 10.0 * number)
    before = baseline.state()["slots"][""]
    baseline.update(20.0, 1e7)
    after = baseline.state()["slots"][""]
    assert after[1] == pytest.approx(before[1] + 1.0)


@pytest.mark.parametrize("kind", [AnalogBaseline, BinaryBaseline, PulseBaseline])
def test_a_baseline_goes_on_where_it_was_before_a_restart(kind: type) -> None:
    noise, one, other = random.Random(2), kind(10.0), kind(10.0)
    for number in range(500):
        one.update(float(noise.random() > 0.7), 7.0 * number, "a" if number % 2 else "b")
    other.restore(json.loads(json.dumps(one.state())))
    values = [float(noise.random() > 0.5) * 3 for _ in range(20)]
    for baseline in (one, other):
        baseline.update(0.0, 3500.0, "a")
    for number, value in enumerate(values):
        time_s = 3511.0 + 11.0 * number
        assert one.update(value, time_s, "a") == pytest.approx(other.update(value, time_s, "a"), abs=0.05)


def test_pulses_count_for_one_block_and_leave_nothing_behind() -> None:
    stormy, calm = PulseBaseline(10.0), PulseBaseline(10.0)
    for number in range(5000):
        stormy.update(0.1, number * 0.01)
    calm.restore(stormy.state())
    surprise = calm.update(7.3, 200.0)
    assert surprise > 1.0
    assert stormy.update(7.3, 200.0) == pytest.approx(surprise, abs=0.05)


def test_pulses_of_before_a_cut_are_no_part_of_a_burst_after_it() -> None:
    quiet, burst = PulseBaseline(10.0), PulseBaseline(10.0)
    for baseline in (quiet, burst):
        for number in range(200):
            baseline.update(0.0, 10.0 * number)
    burst.update(50.0, 1999.0)
    burst.cut(1999.0, 1999.0)
    assert burst.update(1.0, 2000.0) <= quiet.update(1.0, 2000.0)
