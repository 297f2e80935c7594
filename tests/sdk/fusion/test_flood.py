from __future__ import annotations

import pytest

from vad_edge.fusion.flood import FloodLimiter
from vad_edge.fusion.machine import ChangeKind, Level, LevelChange


def change(kind: ChangeKind, level: Level, time_s: float, incident: str) -> LevelChange:
    return LevelChange(kind, level, Level.NORMAL, incident, time_s, time_s, 5.0)


def alarms(governor: FloodLimiter, count: int, *, every_s: float, start_s: float = 0.0) -> list[bool]:
    """Whether each of a row of alarms is rolled up."""
    return [
        governor.rolls_up(change("opened", Level.ALARM, start_s + number * every_s, f"{start_s}-{number}"))
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("per_hour", "window_s", "limit"),
    [(1.0, 3600, 10), (7.0, 3600, 70), (1 / 24, 86400, 10), (1 / 168, 86400, 10)],
)
def test_a_flood_is_ten_times_the_budget_and_ten_alarms(per_hour: float, window_s: float, limit: int) -> None:
    governor = FloodLimiter(per_hour)
    assert (governor.window_s, governor.limit) == (window_s, limit)


def test_what_comes_after_the_tenth_alarm_in_a_window_is_rolled_up() -> None:
    assert alarms(FloodLimiter(1.0), 15, every_s=60) == [False] * 10 + [True] * 5


def test_the_budget_spent_ten_times_over_in_a_longer_time_is_no_flood() -> None:
    assert not any(alarms(FloodLimiter(1.0), 50, every_s=400))


def test_an_incident_that_was_announced_is_told_to_its_end() -> None:
    governor = FloodLimiter(1.0)
    assert not governor.rolls_up(change("opened", Level.WATCH, 0, "early"))
    alarms(governor, 12, every_s=1)
    assert not governor.rolls_up(change("cleared", Level.NORMAL, 20, "early"))


def test_an_incident_that_was_rolled_up_stays_so() -> None:
    governor = FloodLimiter(1.0)
    alarms(governor, 10, every_s=1)
    assert governor.rolls_up(change("opened", Level.ALARM, 20, "late"))
    assert governor.rolls_up(change("cleared", Level.NORMAL, 8000, "late"))


def test_watches_and_warnings_make_no_flood() -> None:
    governor = FloodLimiter(1.0)
    assert not any(governor.rolls_up(change("opened", Level.WARNING, t, str(t))) for t in range(100))


def test_a_flood_ends_when_it_has_halved() -> None:
    governor = FloodLimiter(1.0)
    alarms(governor, 12, every_s=100)
    assert governor.flooded(1200)
    assert governor.flooded(4000)
    assert not governor.flooded(4300)
