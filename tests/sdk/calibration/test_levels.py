from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.fit import default_policy
from vad_edge.calibration.levels import COUNTED, REACH, fit_levels, keep_budget
from vad_edge.calibration.policy_replay import PolicyReplay, incidents_at
from vad_edge.errors import DataError

FPS = 5.0
POLICY = default_policy(3600.0)


def bursts(hours: float, *, per_hour: float = 30.0, seed: int = 0, scale: float = 1.0) -> PolicyReplay:
    """Risk that rises to an exponential height for two seconds now and then."""
    random = np.random.default_rng(seed)
    frames = round(hours * 3600 * FPS)
    risk = random.exponential(0.02, frames)
    for begin in random.integers(0, frames - 20, random.poisson(per_hour * hours)):
        risk[begin : begin + 10] += 0.3 + random.exponential(scale)
    return PolicyReplay(np.arange(frames) / FPS, risk, frames / FPS)


def rate(replay: PolicyReplay, level: float) -> float:
    held = replay.persistent(POLICY)
    return len(incidents_at(replay, held, level, POLICY).begins) / (replay.armed_s / 3600.0)


@pytest.fixture(scope="module")
def day() -> PolicyReplay:
    return bursts(24, seed=1)


def test_levels_keep_their_rate_on_life_they_have_not_seen(day: PolicyReplay) -> None:
    fit = fit_levels(day, POLICY)
    other = bursts(100, seed=2)
    for per_hour in (5.0, 1.0, 1 / 4):
        assert 0.5 * per_hour < rate(other, fit.level(per_hour)) < 1.5 * per_hour


def test_the_level_used_is_an_upper_bound_of_the_fitted_one(day: PolicyReplay) -> None:
    fit = fit_levels(day, POLICY)
    assert np.all(fit.upper >= fit.likely)
    assert np.all(np.diff(fit.upper) >= 0)
    assert np.all(np.diff(fit.rates_per_hour) < 0)


def test_no_level_comes_more_often_in_the_footage_itself_than_it_may() -> None:
    # Small incidents and a few large ones: one tail is found to fit them all, and lies below the large ones.
    life = bursts(12, per_hour=5, seed=1, scale=0.15)
    random = np.random.default_rng(1)
    risk = life.risk.copy()
    for begin in random.integers(0, len(risk) - 20, 12):
        risk[begin : begin + 10] += 1.3 + random.random()
    kinked = PolicyReplay(life.time_s, risk, life.armed_s)
    fit = fit_levels(kinked, POLICY)
    for per_hour in (2.0, 1.0, 0.5):
        assert rate(kinked, fit.level(per_hour)) <= per_hour + 1 / 12


def test_the_same_footage_gives_the_same_levels(day: PolicyReplay) -> None:
    assert np.array_equal(fit_levels(day, POLICY).upper, fit_levels(day, POLICY).upper)


def test_surprises_have_an_exponential_tail_and_accumulated_ones_one_of_any_shape(day: PolicyReplay) -> None:
    heavy = replace(day, risk=np.maximum(day.risk, 0.0) ** 2)
    plain, accumulated = (fit_levels(heavy, POLICY, accumulated=each) for each in (False, True))
    assert plain.tail is None or plain.tail.shape == 0.0
    assert accumulated.tail is not None
    assert accumulated.tail.shape > 0.0


def test_the_highest_of_a_calm_day_are_no_proof_that_nothing_higher_comes() -> None:
    calm = bursts(24, per_hour=1, seed=4, scale=0.2)
    fit = fit_levels(calm, POLICY)
    assert 1.0 / fit.backed_per_hour == pytest.approx(24 * REACH)
    assert fit.level(fit.backed_per_hour) > float(calm.risk.max()) + 0.35


def test_a_day_backs_one_alarm_in_two_days(day: PolicyReplay) -> None:
    fit = fit_levels(day, POLICY)
    assert fit.fit_chance is not None
    assert fit.fit_chance >= 0.05
    assert 1.0 / fit.backed_per_hour == pytest.approx(24 * REACH)


def test_without_a_tail_only_what_was_counted_is_promised() -> None:
    quiet = bursts(3, per_hour=2, seed=3)
    fit = fit_levels(quiet, POLICY)
    assert fit.tail is None
    assert 1.0 / fit.backed_per_hour == pytest.approx(3 / COUNTED)


def test_a_budget_the_footage_backs_is_kept_and_the_levels_rise(day: PolicyReplay) -> None:
    levels = keep_budget(fit_levels(day, POLICY), POLICY, AlarmBudget.parse("1/day"), 1)
    assert (levels.asked, levels.kept) == ("1/day", "1/day")
    assert levels.needed_s < levels.armed_s
    assert levels.watch < levels.warning < levels.alarm


def test_a_budget_the_footage_cannot_know_becomes_the_smallest_it_can(day: PolicyReplay) -> None:
    levels = keep_budget(fit_levels(day, POLICY), POLICY, AlarmBudget.parse("1/week"), 1)
    assert (levels.asked, levels.kept) == ("1/week", "3.5/week")
    assert levels.needed_s == pytest.approx(168 / REACH * 3600)


def test_cameras_of_a_site_share_its_budget(day: PolicyReplay) -> None:
    fit = fit_levels(day, POLICY)
    alone, one_of_four = (keep_budget(fit, POLICY, AlarmBudget.parse("4/day"), count) for count in (1, 4))
    assert one_of_four.kept == "1/day"
    assert one_of_four.alarm > alone.alarm


def test_risk_that_never_moves_teaches_nothing() -> None:
    still = PolicyReplay(np.arange(5000) / FPS, np.full(5000, 0.4), 1000.0)
    with pytest.raises(DataError, match="never changes, so nothing can be learned"):
        fit_levels(still, POLICY)
