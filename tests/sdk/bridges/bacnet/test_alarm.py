from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.bridges.bacnet.alarm import (
    Alarm,
    EventState,
    acknowledged,
    entered,
    recall,
    remember,
    transitions,
)

NORMAL, FAULT, OFFNORMAL = EventState.NORMAL, EventState.FAULT, EventState.OFFNORMAL
NOW = datetime(2026, 3, 1, 12, 0, 0, 120_000, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("state", "active", "fault", "expected"),
    [
        (NORMAL, False, False, []),
        (NORMAL, True, False, [OFFNORMAL]),
        (NORMAL, False, True, [FAULT]),
        (NORMAL, True, True, [FAULT]),
        (OFFNORMAL, True, False, []),
        (OFFNORMAL, False, False, [NORMAL]),
        (OFFNORMAL, True, True, [FAULT]),
        (OFFNORMAL, False, True, [FAULT]),
        (FAULT, False, True, []),
        (FAULT, True, True, []),
        (FAULT, False, False, [NORMAL]),
        (FAULT, True, False, [NORMAL, OFFNORMAL]),
    ],
)
def test_transitions_follow_the_standard(
    state: EventState, active: bool, fault: bool, expected: list[EventState]
) -> None:
    assert transitions(state, active=active, fault=fault) == expected


@given(steps=st.lists(st.tuples(st.booleans(), st.booleans())), state=st.sampled_from(list(EventState)))
def test_after_its_transitions_an_object_has_nothing_left_to_do(
    steps: list[tuple[bool, bool]], state: EventState
) -> None:
    for active, fault in steps:
        state = [state, *transitions(state, active=active, fault=fault)][-1]
        assert transitions(state, active=active, fault=fault) == []


def test_an_alarm_of_another_incident_is_a_new_one() -> None:
    assert transitions(OFFNORMAL, active=True, fault=False, renewed=True) == [NORMAL, OFFNORMAL]
    assert transitions(NORMAL, active=False, fault=False, renewed=True) == []


def test_an_alarm_waits_for_its_acknowledgement_and_a_return_to_normal_does_not() -> None:
    alarm = entered(Alarm(), OFFNORMAL, NOW, "alarm", "i-1")
    assert (alarm.acked, alarm.settled) == ((False, True, True), False)
    alarm = entered(alarm, NORMAL, NOW + timedelta(seconds=5), "normal", None)
    assert (alarm.state, alarm.acked, alarm.settled) == (NORMAL, (False, True, True), False)
    assert acknowledged(alarm, OFFNORMAL).settled


def test_the_incident_stays_known_after_it_is_over() -> None:
    alarm = entered(Alarm(), OFFNORMAL, NOW, "alarm", "i-1")
    assert entered(entered(alarm, NORMAL, NOW, "", None), FAULT, NOW, "", None).incident == "i-1"


def test_alarms_are_remembered_over_a_restart(tmp_path: Path) -> None:
    alarms = {"door": entered(Alarm(), OFFNORMAL, NOW, "alarm", "i-1"), "yard": Alarm()}
    remember(tmp_path / "new" / "memory.json", alarms)
    assert recall(tmp_path / "new" / "memory.json") == alarms


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"door": 5}',
        '{"door": {"state": "RED"}}',
        '{"door": {"state": "NORMAL", "acked": [1], "texts": [""], "stamps": [null], "incident": null}}',
    ],
)
def test_a_damaged_memory_is_set_aside_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    (tmp_path / "memory.json").write_text(text)
    assert recall(tmp_path / "memory.json") == {}
    assert "is damaged" in caplog.text


def test_a_memory_that_cannot_be_written_is_logged_and_the_alarms_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    remember(tmp_path / "file" / "memory.json", {})
    assert "cannot be written" in caplog.text
