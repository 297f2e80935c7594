from __future__ import annotations

import json

import pytest

from vad_edge.bridges.feed import acknowledge, acknowledged_incident


def test_an_acknowledgement_names_incident_and_person_and_has_an_id_of_its_own() -> None:
    first, second = (json.loads(acknowledge("i-1", "bacnet: porter")) for _ in range(2))
    assert (first["command"], first["incident"], first["by"]) == ("acknowledge", "i-1", "bacnet: porter")
    assert first["id"] != second["id"]


def test_a_name_that_is_too_long_for_a_command_is_cut() -> None:
    assert json.loads(acknowledge("i-1", "x" * 500))["by"] == "x" * 64


def test_a_good_result_names_the_incident() -> None:
    assert acknowledged_incident(b'{"command": "acknowledge", "ok": true, "incident": "i-1"}') == "i-1"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"command": "acknowledge", "ok": false, "incident": "i-1"}',
        b'{"command": "arm", "ok": true}',
        b'{"command": "acknowledge", "ok": true, "incident": 5}',
    ],
)
def test_any_other_result_acknowledges_nothing(payload: bytes) -> None:
    assert acknowledged_incident(payload) is None
