from __future__ import annotations

import json

import pytest

from vad_edge.runtime.alarm_test.state import incident_under_way


@pytest.mark.parametrize(
    ("payload", "incident"),
    [
        (None, None),
        (b"garbage", None),
        (b"[]", None),
        (json.dumps({"level": "normal", "incident": None}).encode(), None),
        (json.dumps({"level": "watch", "incident": "i-1", "test": False}).encode(), "i-1"),
        (json.dumps({"level": "alarm", "incident": "i-1", "test": True}).encode(), None),
    ],
)
def test_an_incident_is_under_way_unless_a_test_left_it_behind(
    payload: bytes | None, incident: str | None
) -> None:
    assert incident_under_way(payload) == incident
