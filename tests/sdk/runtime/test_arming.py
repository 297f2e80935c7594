from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from vad_edge.config.schedule import ArmedConfig, ScheduleConfig
from vad_edge.runtime.arming import Arming, Asked, Schedule

NIGHTS = Schedule(ScheduleConfig(armed=(ArmedConfig(begin="18:00", end="06:00"),)), "door")
ALWAYS = Schedule(ScheduleConfig(), "door")
NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_the_schedule_decides_where_nothing_was_asked() -> None:
    arming = Arming(NIGHTS, Asked(), NOON, 0.0)
    found = [arming.look(NOON + hours(n), 3600.0 * n) for n in (0, 6, 17, 18)]
    assert [(guard.armed, guard.by) for guard in found] == [
        (False, "schedule"),
        (True, "schedule"),
        (True, "schedule"),
        (False, "schedule"),
    ]


def test_what_was_asked_holds_until_the_schedule_changes() -> None:
    arming = Arming(NIGHTS, Asked(), NOON, 0.0)
    arming.ask(True, NOON)
    assert arming.look(NOON + hours(5), 0.0).by == "command"
    assert arming.look(NOON + hours(6), 0.0) == arming.look(NOON + hours(7), 0.0)
    assert arming.look(NOON + hours(7), 0.0).by == "schedule"
    assert not arming.look(NOON + hours(18), 0.0).armed


def test_without_a_schedule_it_holds_for_good() -> None:
    arming = Arming(ALWAYS, Asked(), NOON, 0.0)
    arming.ask(False, NOON)
    assert not arming.look(NOON + hours(2000), 0.0).armed


def test_maintenance_ends_by_itself_and_what_was_before_counts_again() -> None:
    arming = Arming(ALWAYS, Asked(), NOON, 100.0)
    arming.maintain(30, NOON, 100.0)
    during = arming.look(NOON, 100.0 + 1799.0)
    assert (during.armed, during.by, during.until) == (False, "maintenance", NOON + timedelta(minutes=30))
    assert arming.look(NOON, 100.0 + 1800.0).armed
    assert arming.asked == Asked()


def test_arming_ends_a_maintenance_at_once() -> None:
    arming = Arming(ALWAYS, Asked(), NOON, 0.0)
    arming.maintain(30, NOON, 0.0)
    arming.ask(True, NOON)
    assert arming.look(NOON, 1.0).armed


def test_a_restart_goes_on_where_it_was() -> None:
    before = Arming(NIGHTS, Asked(), NOON, 0.0)
    before.ask(True, NOON)
    before.maintain(60, NOON, 0.0)
    after = Arming(NIGHTS, before.asked, NOON + hours(0.5), 7.0)
    assert after.look(NOON, 7.0 + 1799.0).by == "maintenance"
    assert after.look(NOON, 7.0 + 1800.0).by == "command"
    assert Arming(NIGHTS, before.asked, NOON + hours(19), 0.0).look(NOON + hours(19), 0.0).by == "schedule"


def test_a_restart_with_a_clock_that_is_behind_counts_the_whole_maintenance_again() -> None:
    before = Arming(ALWAYS, Asked(), NOON, 0.0)
    before.maintain(60, NOON, 0.0)
    after = Arming(ALWAYS, before.asked, NOON - hours(24), 0.0)
    assert after.look(NOON - hours(24), 3599.0).by == "maintenance"
    assert after.look(NOON - hours(24), 3600.0).armed


@given(st.floats(-1e6, 1e6), st.integers(1, 1440))
def test_no_clock_makes_a_maintenance_longer_than_it_was_asked_for(jump_s: float, minutes: int) -> None:
    before = Arming(ALWAYS, Asked(), NOON, 0.0)
    before.maintain(minutes, NOON, 0.0)
    there = NOON + timedelta(seconds=jump_s)
    assert before.look(there, 60.0 * minutes).armed
    again = Arming(ALWAYS, before.asked, there, 0.0)
    assert again.look(there, 60.0 * minutes).armed


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 900)),
        st.tuples(st.sampled_from(["arm", "disarm"]), st.just(0)),
        st.tuples(st.just("maintain"), st.integers(1, 120)),
    ),
    max_size=25,
)


@given(_steps)
def test_a_restart_changes_nothing(steps: list[tuple[str, int]]) -> None:
    """One that is restarted after every step says the same as one that runs through."""
    now, run_s = NOON, 0.0
    through = Arming(NIGHTS, Asked(), now, run_s)
    kept = Asked()
    for what, minutes in steps:
        fresh = Arming(NIGHTS, kept, now, run_s)
        if what == "wait":
            for _ in range(minutes):
                now, run_s = now + timedelta(minutes=1), run_s + 60.0
                through.look(now, run_s)
            fresh = Arming(NIGHTS, kept, now, run_s)
        for each in (through, fresh):
            if what == "maintain":
                each.maintain(minutes, now, run_s)
            elif what != "wait":
                each.ask(what == "arm", now)
        assert through.look(now, run_s) == fresh.look(now, run_s)
        kept = fresh.asked
