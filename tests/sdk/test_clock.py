from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.clock import LiveClock

BOOT = datetime(1970, 1, 1, tzinfo=timezone.utc)
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


class Machine:
    """A machine's two clocks, of which one may be set."""

    def __init__(self, wall: datetime = BOOT) -> None:
        self.run_s, self.at = 0.0, wall
        self.slow_s = 0.0
        self.clock = LiveClock(self.monotonic, self.wall)

    def monotonic(self) -> float:
        self.run_s += self.slow_s
        return self.run_s

    def wall(self) -> datetime:
        return self.at

    def live(self, seconds: float) -> None:
        self.run_s += seconds
        self.at += timedelta(seconds=seconds)

    def set(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.mark.parametrize("set_s", [(NOON - BOOT).total_seconds(), 3600.0, -3600.0, 2.0, -2.0])
def test_after_the_clock_was_set_stamps_are_right_and_run_time_goes_on(set_s: float) -> None:
    machine = Machine(NOON)
    machine.live(100.0)
    machine.set(set_s)
    assert machine.clock.follow() == pytest.approx(set_s)
    assert machine.clock.now() == 100.0
    assert machine.clock.wall(100.0) == machine.at
    assert machine.clock.wall(40.0) == machine.at - timedelta(seconds=60)  # nothing a run decides on moves
    assert machine.clock.follow() == 0.0
    machine.live(5.0)
    assert machine.clock.follow() == 0.0
    assert machine.clock.wall(105.0) == machine.at


def test_a_clock_that_is_not_set_is_followed_by_nothing() -> None:
    machine = Machine(NOON)
    for step in range(10_000):
        machine.live(0.5)
        machine.set(0.0001 if step % 3 else -0.0002)
        assert machine.clock.follow() == 0.0


def test_a_look_that_took_long_says_nothing_of_the_clock() -> None:
    machine = Machine(NOON)
    machine.slow_s = 2.0
    assert machine.clock.follow() == 0.0
    machine.slow_s = 0.0
    machine.run_s = 0.0
    assert machine.clock.follow() == 0.0


def test_the_age_of_a_stamp_is_the_time_that_passed_however_the_clock_was_set() -> None:
    machine = Machine()
    machine.live(1000.0)
    before = machine.clock.wall(machine.clock.now())
    machine.live(10.0)
    machine.set((NOON - BOOT).total_seconds())
    machine.clock.follow()
    machine.live(20.0)
    after = machine.clock.wall(machine.clock.now())
    machine.live(5.0)
    assert machine.clock.age_s(before) == pytest.approx(35.0)
    assert machine.clock.age_s(after) == pytest.approx(5.0)
    assert machine.clock.age_s(NOON - timedelta(days=1)) == pytest.approx(86400.0 + 1035.0, abs=1.0)


@given(
    st.lists(
        st.tuples(st.floats(0.0, 5000.0), st.sampled_from([0.0, 90.0, -90.0, 1e4, -1e4, 1e9])), max_size=8
    )
)
def test_run_time_never_goes_back_and_what_is_stamped_now_is_no_age_old(
    steps: list[tuple[float, float]],
) -> None:
    machine, last_s = Machine(NOON), 0.0
    for lived_s, set_s in steps:
        machine.live(lived_s)
        machine.set(set_s)
        machine.clock.follow()
        now_s = machine.clock.now()
        assert now_s >= last_s
        last_s = now_s
        assert abs(machine.clock.age_s(machine.clock.wall(now_s))) < 1e-3
        assert abs((machine.clock.wall(now_s) - machine.at).total_seconds()) < 1.0
