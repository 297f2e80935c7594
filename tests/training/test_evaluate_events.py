from __future__ import annotations

import numpy as np
import pytest

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.footage import Stretch
from vad_edge.config.site import PolicyConfig
from vad_edge_training.evaluate_events import EventEvaluation, announced, judge

FPS = 10.0
POLICY = PolicyConfig(watch=1.0, warning=2.0, alarm=3.0, dwell_s=0.2, clear_s=1.0, persistence=(2, 3))


def risk(*parts: tuple[float, float]) -> np.ndarray:
    """Seconds and value of each part."""
    return np.concatenate([np.full(round(seconds * FPS), value) for seconds, value in parts])


def times(values: np.ndarray) -> np.ndarray:
    return np.arange(len(values)) / FPS


def test_an_alarm_says_how_early_its_incident_was_announced_and_how_long_it_stood() -> None:
    values = risk((2, 0), (4, 1.5), (3, 4), (5, 0))
    (alarm,) = announced(times(values), values, POLICY)
    assert alarm.time_s == pytest.approx(6.1)
    assert alarm.early_s == pytest.approx(4.0)
    assert alarm.until_s == pytest.approx(9.3, abs=0.2)


def test_an_alarm_at_the_end_of_a_clip_stands_for_good() -> None:
    values = risk((2, 0), (3, 4))
    (alarm,) = announced(times(values), values, POLICY)
    assert np.isinf(alarm.until_s)


def evaluation(values: np.ndarray, truth: np.ndarray) -> dict:
    part = Stretch("clip", times(values), values[:, None])
    clip = judge("clip", [part], [values], times(values), truth, POLICY, 1.0, np.random.default_rng(0))
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
