from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.budget import AlarmBudget
from vad_edge.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "per_hour", "interval_s"),
    [
        ("1/hour", 1.0, 3600.0),
        ("2/day", 1 / 12, 43200.0),
        ("1/week", 1 / 168, 604800.0),
        (" 0.5 / day ", 1 / 48, 172800.0),
    ],
)
def test_a_budget_is_a_rate(text: str, per_hour: float, interval_s: float) -> None:
    budget = AlarmBudget.parse(text)
    assert budget.per_hour == pytest.approx(per_hour)
    assert budget.interval_s == pytest.approx(interval_s)


@pytest.mark.parametrize("text", ["", "1", "1/month", "-1/day", "one/day", "1/day/2", "1e3/day", "/day"])
def test_what_is_no_budget_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="is no alarm budget; write 1/week, 2/day or 1/hour"):
        AlarmBudget.parse(text)


@pytest.mark.parametrize("text", ["0/day", "3601/hour"])
def test_a_count_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="give a count above 0"):
        AlarmBudget.parse(text)


@pytest.mark.parametrize("text", ["1/week", "2/day", "1/hour", "0.25/day", "12/hour"])
def test_the_text_form_is_read_back(text: str) -> None:
    assert str(AlarmBudget.parse(text)) == text


def test_cameras_share_the_budget_of_a_site() -> None:
    assert str(AlarmBudget.parse("1/day").share(4)) == "0.25/day"


@pytest.mark.parametrize(
    ("per_hour", "text"),
    [(1 / 168, "1/week"), (0.01, "1.7/week"), (1 / 12, "2/day"), (0.5, "12/day"), (7.01, "7.1/hour")],
)
def test_a_rate_is_told_in_a_period_that_reads_well(per_hour: float, text: str) -> None:
    assert str(AlarmBudget.from_rate(per_hour)) == text


@given(st.floats(1e-6, 3000))
def test_a_rate_is_never_rounded_down(per_hour: float) -> None:
    assert per_hour * (1 - 1e-8) <= AlarmBudget.from_rate(per_hour).per_hour <= per_hour * 1.1 + 1e-9


@pytest.mark.parametrize("per_hour", [0.0, -1.0, math.inf, math.nan])
def test_what_is_no_rate_is_refused(per_hour: float) -> None:
    with pytest.raises(ConfigError, match="give a finite number above 0"):
        AlarmBudget.from_rate(per_hour)
