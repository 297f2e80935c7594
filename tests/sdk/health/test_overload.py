from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vad_edge.health.overload import Overload, OverloadLadder, Relief, Watched, ladder

HOT, LATE, EASED, COPING = Overload(hot=True), Overload(late=True), Overload(eased=True), Overload()

DOOR = Watched("door", priority=2, can_slow=True)
HALL = Watched("hall", priority=1)
YARD = Watched("yard", priority=1, can_slow=True)

cameras = st.lists(
    st.builds(Watched, st.sampled_from("abcdef"), st.integers(-2, 2), st.booleans()),
    min_size=1,
    max_size=5,
    unique_by=lambda camera: camera.name,
)
looks = st.lists(
    st.tuples(
        st.floats(0.0, 200.0),
        st.sampled_from([HOT, LATE, EASED, COPING, Overload(hot=True, eased=True)]),
        st.frozensets(st.sampled_from("abcdef"), max_size=2),
    ),
    max_size=80,
)


def budget(*watched: Watched) -> OverloadLadder:
    return OverloadLadder(watched, hold_s=10.0, settle_s=30.0, recover_s=60.0, longest_s=240.0)


def last(machine: OverloadLadder, overload: Overload, begin_s: float, end_s: float) -> list[float]:
    """Say `overload` once a second; the times at which something changed."""
    return [
        float(now)
        for now in range(round(begin_s), round(end_s))
        if machine.update(float(now), overload, frozenset())
    ]


def test_frame_rates_go_before_cameras_and_the_least_important_goes_first() -> None:
    assert ladder([DOOR, HALL, YARD]) == (
        Relief("yard", "slow"),
        Relief("door", "slow"),
        Relief("yard", "shed"),
        Relief("hall", "shed"),
    )


def test_a_short_overload_changes_nothing() -> None:
    machine = budget(DOOR, HALL)
    assert last(machine, HOT, 0, 10) == []
    assert last(machine, COPING, 10, 12) == []
    assert last(machine, LATE, 12, 22) == []


def test_it_goes_down_one_rung_at_a_time() -> None:
    machine = budget(DOOR, HALL, YARD)
    assert last(machine, HOT, 0, 200) == [10.0, 40.0, 70.0, 100.0]
    assert machine.exhausted
    assert machine.reliefs == ladder([DOOR, HALL, YARD])


def test_what_only_copes_takes_nothing_back() -> None:
    machine = budget(DOOR, HALL)
    last(machine, HOT, 0, 30)
    assert last(machine, COPING, 30, 3000) == []


def test_what_has_eased_takes_back_the_last_first() -> None:
    machine = budget(DOOR, HALL, YARD)
    last(machine, HOT, 0, 200)
    assert last(machine, EASED, 200, 460) == [260.0, 320.0, 380.0, 440.0]
    assert machine.reliefs == ()


def test_taking_back_too_early_waits_longer_the_next_time() -> None:
    machine = budget(HALL, YARD)
    last(machine, HOT, 0, 15)
    assert last(machine, EASED, 15, 76) == [75.0]
    last(machine, HOT, 76, 130)
    assert last(machine, EASED, 130, 260) == [250.0]


def test_a_camera_in_an_incident_is_left_alone() -> None:
    machine = budget(DOOR, HALL, YARD)
    for now in range(200):
        machine.update(float(now), HOT, {"yard"})
    assert machine.reliefs == (Relief("door", "slow"), Relief("hall", "shed"))


def test_after_a_change_of_engine_no_rate_is_used() -> None:
    machine = budget(DOOR, HALL, YARD)
    last(machine, HOT, 0, 100)
    machine.forget_rates()
    assert machine.reliefs == (Relief("yard", "shed"),)
    assert last(machine, HOT, 100, 200) == [100.0]
    assert machine.exhausted


@given(cameras, looks)
def test_what_holds_whatever_happens(
    watched: list[Watched], story: list[tuple[float, Overload, set[str]]]
) -> None:
    machine = budget(*watched)
    slowable = {camera.name for camera in watched if camera.can_slow}
    now, changed_s = 0.0, -1000.0
    for passed_s, overload, busy in story:
        now += passed_s
        before = set(machine.reliefs)
        changed = machine.update(now, overload, busy)
        after = set(machine.reliefs)
        assert changed == (before != after)
        assert len(before ^ after) <= 1
        for relief in after - before:
            assert overload.hot or overload.late
            assert relief.camera not in busy
        for _ in before - after:
            assert overload.eased
        if changed:
            assert now - changed_s >= 30.0
            changed_s = now
        shed = {relief.camera for relief in after if relief.measure == "shed"}
        assert len(shed) < len(watched)
        assert {relief.camera for relief in after if relief.measure == "slow"} <= slowable


@given(cameras)
def test_overload_that_lasts_gives_up_all_there_is_and_ease_brings_all_back(watched: list[Watched]) -> None:
    machine = budget(*watched)
    last(machine, HOT, 0, 400)
    assert machine.exhausted
    kept = {camera.name for camera in watched} - {
        relief.camera for relief in machine.reliefs if relief.measure == "shed"
    }
    assert max(watched, key=lambda camera: camera.priority).priority in {
        camera.priority for camera in watched if camera.name in kept
    }
    last(machine, EASED, 400, 1200)
    assert machine.reliefs == ()
