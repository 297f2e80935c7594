from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.events.event import Event, to_cloudevent
from vad_edge.mqtt.listener import MAX_TEXT, describe

STATE = {"level": "alarm", "armed": False, "risk": 5.02, "since": None, "test": True}
REFUSED = {"command": "arm", "ok": False, "reason": "no", "armed": True}


@pytest.mark.parametrize(
    ("leaf", "content", "text"),
    [
        ("state", STATE, "TEST alarm, disarmed, risk 5.0"),
        ("health", {"ok": True, "conditions": []}, "well"),
        (
            "health",
            {"ok": False, "conditions": [{"code": "camera_lost", "subject": "yard", "message": "gone"}]},
            "camera_lost yard: gone",
        ),
        ("command", {"command": "acknowledge", "verdict": "false"}, "acknowledge, verdict false"),
        ("command/result", REFUSED, "arm: refused: no"),
        ("command/result", {**REFUSED, "ok": True}, "arm: done, armed"),
        ("state", {"level": "alarm"}, '{"level": "alarm"}'),
        ("risk", 2.5, "2.5"),
    ],
)
def test_a_message_is_said_in_a_line(leaf: str, content: Any, text: str) -> None:
    assert describe(leaf, json.dumps(content).encode()) == text


def test_an_event_says_what_why_and_how_rare(make_event: Callable[..., Event]) -> None:
    event = replace(make_event(1), test=True)
    assert describe("event", json.dumps(to_cloudevent(event)).encode()) == (
        "TEST opened watch, risk 2.5 (motion 2.5); rarer than 1 frame in 100 of normal footage"
    )


def test_a_picture_is_not_shown_as_text() -> None:
    assert describe("snapshot", b"\xff\xd8" + bytes(33_998)) == "JPEG, 34.0 kB"
    assert describe("snapshot", b"hello") == "no JPEG, 0.0 kB"


@given(
    st.sampled_from(["event", "state", "health", "command", "command/result", "x"]), st.binary(max_size=900)
)
def test_nothing_that_arrives_reaches_the_terminal_as_a_control(leaf: str, payload: bytes) -> None:
    text = describe(leaf, payload)
    assert text.isprintable()
    assert len(text) <= MAX_TEXT


def test_an_escape_sequence_inside_json_is_made_harmless() -> None:
    content = {**REFUSED, "reason": "\x1b[2Jgone"}
    assert "\x1b" not in describe("command/result", json.dumps(content).encode())
