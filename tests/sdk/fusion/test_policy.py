from __future__ import annotations

import pytest

from vad_edge.bundle.levels import AlarmLevels
from vad_edge.fusion.policy import kept_budget, policy_for, policy_of, rising

LEVELS = AlarmLevels(
    asked="1/day",
    kept="1/day",
    cameras=1,
    watch=1.0,
    warning=2.0,
    alarm=3.0,
    hysteresis=0.2,
    dwell_s=0.5,
    clear_s=3.0,
    cooldown_s=30.0,
    smoothing_s=0.2,
    persistence=(3, 4),
    rates_per_hour=(100.0, 10.0, 1.0, 0.1, 0.01),
    risks=(1.0, 2.0, 3.0, 4.0, 5.0),
    backed_per_hour=0.1,
    armed_s=3600.0,
    needed_s=3600.0,
)


def test_a_pack_s_levels_are_a_policy_with_its_times() -> None:
    policy = policy_of(LEVELS)
    assert (policy.watch, policy.warning, policy.alarm) == (1.0, 2.0, 3.0)
    assert (policy.persistence, policy.cooldown_s, policy.smoothing_s) == ((3, 4), 30.0, 0.2)


def test_another_budget_takes_its_levels_from_the_curve() -> None:
    policy = policy_for(LEVELS, 0.1)
    assert (policy.watch, policy.warning, policy.alarm) == pytest.approx((2.0, 3.0, 4.0))


def test_a_budget_the_footage_does_not_back_gets_the_smallest_it_does() -> None:
    assert policy_for(LEVELS, 0.001) == policy_for(LEVELS, 0.1)
    assert kept_budget(LEVELS, 0.001).per_hour == pytest.approx(0.1, rel=0.05)


def test_levels_stay_apart_and_above_the_hysteresis() -> None:
    assert rising(0.0, 0.0, 0.0, hysteresis=0.2) == pytest.approx((0.25, 0.3, 0.35))
