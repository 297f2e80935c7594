from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vad_edge.bridges.camera_view import LEAVES, CameraView
from vad_edge.fusion.machine import Level

STATE = {"level": "alarm", "since": "2026-03-01T12:00:00.000Z", "incident": "i-1", "risk": 4.5, "armed": True}


def test_a_camera_without_a_message_is_offline() -> None:
    assert CameraView("door").availability == "offline"


def test_a_state_tells_level_risk_incident_and_since_when() -> None:
    view = CameraView("door").heard("state", json.dumps(STATE).encode())
    assert (view.level, view.risk, view.incident) == (Level.ALARM, 4.5, "i-1")
    assert view.since == datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize("word", ["online", "stopped", "offline"])
def test_availability_is_one_of_three_words(word: str) -> None:
    assert CameraView("door").heard("availability", word.encode()).availability == word


@pytest.mark.parametrize(
    ("leaf", "payload"),
    [
        ("availability", b"perhaps"),
        ("availability", b"\xff"),
        ("risk", b"much"),
        ("risk", b"NaN"),
        ("risk", b"true"),
        ("risk", b"[" * 100_000),
        ("state", b"alarm"),
        ("state", b'{"level": "red"}'),
        ("state", b'{"level": ["alarm"]}'),
        ("health", b"{}"),
    ],
)
def test_what_cannot_be_read_changes_nothing(leaf: str, payload: bytes) -> None:
    view = CameraView("door", "online", Level.WATCH, 2.0, "i-1")
    assert view.heard(leaf, payload) == view


@settings(max_examples=50, deadline=None)
@given(leaf=st.sampled_from(LEAVES), payload=st.binary() | st.text().map(str.encode))
def test_no_payload_ever_raises(leaf: str, payload: bytes) -> None:
    assert CameraView("door").heard(leaf, payload).camera == "door"


def test_a_state_tells_whether_a_camera_is_armed_and_whether_it_is_a_test() -> None:
    view = CameraView("door").heard("state", json.dumps({**STATE, "armed": False, "test": True}).encode())
    assert (view.armed, view.test) == (False, True)
    plain = CameraView("door").heard("state", b'{"level": "watch"}')
    assert (plain.armed, plain.test) == (True, False)


def test_a_state_with_an_odd_risk_or_time_still_tells_the_level() -> None:
    view = CameraView("door", risk=1.0).heard("state", b'{"level": "watch", "risk": "x", "since": 7}')
    assert (view.level, view.risk, view.since) == (Level.WATCH, 1.0, None)
