from __future__ import annotations

from collections.abc import Iterable
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.config.site import PolicyConfig
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level, LevelChange, WarningMachine

POLICY = PolicyConfig(dwell_s=0.5, clear_s=3.0, cooldown_s=5.0)


def drive(risks: Iterable[tuple[float, float]], policy: PolicyConfig = POLICY) -> list[LevelChange]:
    numbers = count(1)
    machine = WarningMachine(policy, new_incident=lambda: f"incident-{next(numbers)}")
    changes = (machine.update(Risk(time_s, value, {})) for time_s, value in risks)
    return [change for change in changes if change is not None]


def risk_curve(*stretches: tuple[float, float]) -> list[tuple[float, float]]:
    """Ten risks a second: (seconds, value) stretches one after another."""
    values = [value for seconds, value in stretches for _ in range(round(seconds * 10))]
    return [(index / 10, value) for index, value in enumerate(values)]


def told(changes: list[LevelChange]) -> list[tuple[str, str, float]]:
    return [(change.kind, str(change.level), round(change.time_s, 3)) for change in changes]


def test_a_risk_that_stays_is_announced_after_the_dwell_and_cleared_after_quiet() -> None:
    changes = drive(risk_curve((1, 0), (2, 2.5), (5, 0)))
    assert told(changes) == [("opened", "watch", 1.5), ("cleared", "normal", 6.0)]
    assert {change.incident for change in changes} == {"incident-1"}
    assert changes[0].since_s == changes[1].since_s == 1.0


def test_a_short_peak_is_nothing() -> None:
    assert drive(risk_curve((1, 0), (0.5, 9), (5, 0))) == []


def test_a_jump_goes_straight_to_the_highest_level() -> None:
    changes = drive(risk_curve((1, 0), (2, 6)))
    assert told(changes) == [("opened", "alarm", 1.5)]
    assert changes[0].early_s == 0.0


def test_an_incident_says_how_early_it_opened_before_its_alarm() -> None:
    changes = drive(risk_curve((4, 2.5), (2, 3.5), (2, 5), (10, 0)))
    assert told(changes) == [
        ("opened", "watch", 0.5),
        ("raised", "warning", 4.5),
        ("raised", "alarm", 6.5),
        ("lowered", "watch", 8.5),
        ("cleared", "normal", 11.0),
    ]
    assert [change.early_s for change in changes] == [None, None, 6.0, 6.0, 6.0]
    assert [change.peak_risk for change in changes] == [2.5, 3.5, 5.0, 5.0, 5.0]


def test_a_risk_within_the_hysteresis_keeps_its_level() -> None:
    assert told(drive(risk_curve((2, 4.2), (20, 3.6)))) == [("opened", "alarm", 0.5)]


def test_a_level_is_lowered_to_the_one_the_risk_still_holds() -> None:
    changes = drive(risk_curve((2, 4.2), (2, 2.7)))
    assert told(changes) == [("opened", "alarm", 0.5), ("lowered", "warning", 2.5)]


WATCHED_UNTIL_5 = ((2, 2.5), (3.5, 0))


def test_what_was_announced_is_not_announced_again_in_the_cool_down() -> None:
    assert told(drive(risk_curve(*WATCHED_UNTIL_5, (8, 2.5))))[2:] == [("opened", "watch", 10.0)]


def test_a_higher_level_than_was_announced_passes_the_cool_down() -> None:
    changes = drive(risk_curve(*WATCHED_UNTIL_5, (1, 3.5), (2, 4.5)))
    assert told(changes)[2:] == [("opened", "warning", 6.0), ("raised", "alarm", 7.0)]


def test_an_alarm_is_not_raised_again_in_the_cool_down_of_the_same_incident() -> None:
    changes = drive(risk_curve((2, 4.5), (1, 2.4), (8, 4.5)))
    assert told(changes) == [
        ("opened", "alarm", 0.5),
        ("lowered", "watch", 2.5),
        ("raised", "alarm", 7.5),
    ]


N_OF_M = POLICY.model_copy(update={"persistence": (3, 5)})


def test_with_persistence_some_of_the_last_risks_must_reach_a_level() -> None:
    risks = [(index / 10, value) for index, value in enumerate([0, 0, 9, 0, 9, 9, 0, 9, 9])]
    (opened,) = drive(risks, N_OF_M)
    assert (opened.kind, opened.level, opened.time_s) == ("opened", Level.ALARM, 0.5)
    assert (opened.since_s, opened.peak_risk) == (0.2, 9)


def test_with_persistence_lone_peaks_are_nothing() -> None:
    risks = [(index / 10, 9.0 if index % 3 == 0 else 0.0) for index in range(60)]
    assert drive(risks, N_OF_M) == []


def test_the_next_incident_starts_afresh() -> None:
    *_, last = drive(risk_curve((2, 6), (20, 0), (2, 2.5)))
    assert (last.kind, last.incident, last.early_s, last.peak_risk) == ("opened", "incident-2", None, 2.5)


def test_time_that_does_not_advance_is_ignored() -> None:
    assert drive([(1.0, 0.0), (1.0, 9.0), (0.2, 9.0), (1.1, 9.0), (1.3, 9.0)]) == []


@pytest.mark.parametrize("fps", [10, 24, 25, 29.97, 30])
def test_rounded_frame_times_do_not_cost_a_frame(fps: float) -> None:
    policy = PolicyConfig(dwell_s=12 / fps)
    opened = drive([(index / fps, 2.5 if index >= 7 else 0.0) for index in range(40)], policy)[0]
    assert opened.time_s == 19 / fps


policies = st.builds(
    lambda start, gaps, ends, times, persistence: PolicyConfig(
        watch=start,
        warning=start + gaps[0],
        alarm=start + gaps[0] + gaps[1],
        hysteresis=ends * start,
        dwell_s=times[0],
        clear_s=times[1],
        cooldown_s=times[2],
        persistence=persistence,
    ),
    st.floats(0.5, 3),
    st.tuples(st.floats(0.1, 2), st.floats(0.1, 2)),
    st.floats(0, 0.9),
    st.tuples(*[st.sampled_from([0.0, 0.2, 1.0, 4.0])] * 3),
    st.sampled_from([None, (1, 1), (2, 3), (4, 5)]),
)
paths = st.lists(
    st.tuples(st.sampled_from([-0.3, 0.0, 0.04, 0.1, 0.5, 2.0]), st.floats(0, 8)), min_size=1, max_size=120
)


@given(policies, paths)
def test_every_risk_curve_gives_legal_incidents(
    policy: PolicyConfig, path: list[tuple[float, float]]
) -> None:
    time_s = 0.0
    risks = []
    for step, value in path:
        time_s += step
        risks.append((time_s, value))
    changes = drive(risks, policy)

    level, incident, used = Level.NORMAL, None, set()
    for change in changes:
        assert change.previous is level
        assert (change.kind == "opened") == (level is Level.NORMAL)
        assert (change.kind == "cleared") == (change.level is Level.NORMAL)
        assert change.kind not in ("opened", "raised") or change.level > level
        assert change.kind not in ("lowered", "cleared") or change.level < level
        if change.kind == "opened":
            assert change.incident not in used
            used.add(change.incident)
            incident = change.incident
        assert change.incident == incident
        assert change.since_s <= change.time_s
        assert change.peak_risk >= policy.watch
        assert change.early_s is None or change.early_s >= 0.0
        level = change.level
    for first, second in pairwise(changes):
        assert second.time_s > first.time_s
        if second.kind in ("lowered", "cleared"):
            assert second.time_s - first.time_s >= policy.dwell_s - 1e-6
    for number, change in enumerate(changes):
        if change.level > change.previous:
            before = [old for old in changes[:number] if old.level < change.level <= old.previous]
            assert all(change.time_s - old.time_s >= policy.cooldown_s - 1e-6 for old in before)


@given(policies, paths)
def test_every_incident_ends_once_the_risk_is_gone(
    policy: PolicyConfig, path: list[tuple[float, float]]
) -> None:
    risks = [(float(index), value) for index, (_, value) in enumerate(path)]
    quiet = [(len(path) + index * 1.0, 0.0) for index in range(20)]
    changes = drive(risks + quiet, policy)
    assert not changes or changes[-1].kind == "cleared"


def test_standing_down_clears_the_incident_and_forgets_what_built_up() -> None:
    machine = WarningMachine(POLICY)
    for time_s, value in risk_curve((2, 3.5)):
        machine.update(Risk(time_s, value, {}))
    change = machine.stand_down(2.5)
    assert change is not None
    assert (change.kind, str(change.level), change.time_s, change.peak_risk) == (
        "cleared",
        "normal",
        2.5,
        3.5,
    )
    assert machine.incident is None
    assert machine.update(Risk(9.0, 3.5, {})) is None  # the dwell starts over


def test_standing_down_while_all_is_normal_says_nothing() -> None:
    machine = WarningMachine(POLICY)
    machine.update(Risk(1.0, 2.5, {}))
    assert machine.stand_down(1.2) is None
    assert machine.update(Risk(1.6, 2.5, {})) is None


def test_a_level_that_is_held_may_rise_and_not_fall_and_calm_counts_from_its_release() -> None:
    machine = WarningMachine(PolicyConfig(watch=1.0, warning=2.0, alarm=3.0, dwell_s=0.0, clear_s=3.0))

    def follow(time_s: float, value: float, *, held: bool) -> LevelChange | None:
        return machine.update(Risk(time_s, value, {}), held=held)

    follow(0.0, 1.5, held=False)
    assert [follow(float(time), 0.0, held=True) for time in range(1, 100)] == [None] * 99
    raised = follow(100.0, 3.5, held=True)
    assert raised is not None
    assert raised.level is Level.ALARM
    assert follow(101.0, 0.0, held=True) is None
    assert machine.level is Level.ALARM
    changes = [follow(102.0 + step / 10, 0.0, held=False) for step in range(60)]
    assert [change.kind for change in changes if change][-1] == "cleared"
    assert machine.level is Level.NORMAL
    cleared = next(change for change in changes if change and change.kind == "cleared")
    assert cleared.time_s == pytest.approx(105.0, abs=0.11)
