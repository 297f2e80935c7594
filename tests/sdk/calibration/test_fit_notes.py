from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.normal_scores import CUES, normal_stretches

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.fit import Learned, learn, lesser_budgets, notes_of


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learn(
        normal_stretches(600, clips=3, seed=100), CUES, 5.0, AlarmBudget.parse("1/week"), all_normal=True
    )


def test_too_little_footage_says_what_is_kept_and_how_much_more_is_needed(learned: Learned) -> None:
    first = notes_of(learned)[0]
    assert first.startswith("30.0 min of footage cannot show what 1/week means; the camera keeps")
    assert first.endswith("days more")
    assert learned.levels.kept in first


def test_a_budget_that_sensors_are_needed_for_is_told(learned: Learned) -> None:
    lesser = learned.levels.model_copy(update={"kept": "100/hour"})
    partial = {"door": lesser, "sound": learned.levels, "": lesser}
    told = "without door or several sensors the camera keeps 100/hour"
    assert lesser_budgets(replace(learned, partial=partial)) == [told]
    assert told in notes_of(replace(learned, partial=partial))


def test_false_alarms_that_count_as_normal_are_told(learned: Learned) -> None:
    one, two = (notes_of(replace(learned, false_alarm_risks=risks)) for risks in ((2.5,), (2.5, 3.0)))
    assert "an incident of risk 2.50, called false, counts as normal" in one
    assert "2 incidents that were called false count as normal life, up to a risk of 3.00" in two
