from __future__ import annotations

import numpy as np
import pytest

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.scores import Stretch
from vad_edge.config.site import PolicyConfig
from vad_edge.fusion.policy import Standing
from vad_edge_training.evaluate.evaluate_events import Decided, EventEvaluation, announced, judge, stood

FPS = 10.0
POLICY = PolicyConfig(watch=1.0, warning=2.0, alarm=3.0, dwell_s=0.2, clear_s=1.0, persistence=(2, 3))


def risk(*parts: tuple[float, float]) -> np.ndarray:
    """Seconds and value of each part."""
    return np.concatenate([np.full(round(seconds * FPS), value) for seconds, value in parts])


def times(values: np.ndarray) -> np.ndarray:
    return np.arange(len(values)) / FPS


def decided(values: np.ndarray, *policies: PolicyConfig) -> Decided:
    return Decided(times(values), values, policies or (POLICY,) * len(values))


def test_an_alarm_says_how_early_its_incident_was_announced_and_how_long_it_stood() -> None:
    values = risk((2, 0), (4, 1.5), (3, 4), (5, 0))
    (alarm,) = announced(decided(values))
    assert alarm.time_s == pytest.approx(6.1)
    assert alarm.early_s == pytest.approx(4.0)
    assert alarm.until_s == pytest.approx(9.3, abs=0.2)


def test_an_alarm_at_the_end_of_a_clip_stands_for_good() -> None:
    values = risk((2, 0), (3, 4))
    (alarm,) = announced(decided(values))
    assert np.isinf(alarm.until_s)


def evaluation(values: np.ndarray, truth: np.ndarray) -> dict:
    clip = judge("clip", [decided(values)], times(values), truth, 1.0, np.random.default_rng(0))
    hourly = AlarmBudget.parse("1/hour")
    return EventEvaluation(hourly, hourly, POLICY, (clip,)).to_json()


def test_incidents_delays_and_false_alarms_are_counted() -> None:
    values = risk((10, 0), (3, 4), (20, 0), (2, 4), (10, 0))
    truth = np.zeros(len(values), bool)
    truth[95:140] = True
    truth[400:440] = True
    found = evaluation(values, truth)
    assert (found["incidents_total"], found["incidents_found"], found["false_alarms"]) == (2, 1, 1)
    assert found["median_delay_s"] == pytest.approx(0.6)
    assert found["normal_hours"] == pytest.approx((450 - 85) / FPS / 3600, abs=1e-5)
    assert found["false_alarms_expected"] == pytest.approx(found["normal_hours"], abs=1e-5)


def test_on_footage_without_labels_every_alarm_is_false_and_medians_are_null() -> None:
    values = risk((10, 0), (3, 4), (10, 0))
    found = evaluation(values, np.zeros(len(values), bool))
    assert (found["incidents_total"], found["false_alarms"]) == (0, 1)
    assert found["median_delay_s"] is None
    assert found["median_lead_time_s"] is None


def test_the_lead_time_stands_beside_what_chance_gives() -> None:
    values = risk((60, 0), (5, 1.5), (5, 4), (30, 0))
    truth = np.zeros(len(values), bool)
    truth[650:700] = True
    found = evaluation(values, truth)
    assert found["median_lead_time_s"] == pytest.approx(5.0)
    assert found["median_lead_time_shuffled_s"] < 2.0


NO_DOOR = POLICY.model_copy(update={"alarm": 2.8})
ALONE = POLICY.model_copy(update={"alarm": 2.5})


def heard(door: np.ndarray) -> tuple[Stretch, list[PolicyConfig]]:
    values = np.zeros((len(door), 1))
    said = np.column_stack([door, np.ones(len(door))])
    standing = Standing(["door", "sound"], POLICY, {"door": NO_DOOR, "": ALONE})
    part = Stretch("clip", times(values), values, said)
    return stood(part, ("door", "sound"), ("door", "sound"), standing)


def test_levels_follow_a_stream_that_drops_out_and_comes_back() -> None:
    part, policies = heard(risk((10, 0.5), (10, np.nan), (70, 0.5)))
    assert [policies[at] for at in (99, 100, 199, 750, 850)] == [POLICY, NO_DOOR, NO_DOOR, NO_DOOR, POLICY]
    assert part.heard is not None
    assert np.isnan(part.heard[100:700, 0]).all()  # it counts again only where the levels count on it
    assert np.isfinite(part.heard[:, 1]).all()


def test_a_stream_that_is_declared_otherwise_does_not_count() -> None:
    values = np.zeros((20, 1))
    standing = Standing(["door"], POLICY, {"": ALONE})
    part, policies = stood(Stretch("clip", times(values), values, values + 1.0), ("door",), (), standing)
    assert part.heard is not None
    assert np.isnan(part.heard).all()
    assert set(policies) == {ALONE}


def test_an_alarm_is_judged_by_the_levels_of_its_moment() -> None:
    values = risk((2, 0), (3, 2.6), (5, 0))
    assert announced(decided(values)) == []
    assert len(announced(decided(values, *[ALONE] * len(values)))) == 1
    assert len(announced(decided(values, *[POLICY] * 20, *[ALONE] * 80))) == 1
