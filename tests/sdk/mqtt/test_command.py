from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from vad_edge.mqtt.command import Command, CommandResult, parse_command
from vad_edge.mqtt.topics import SCHEMAS, schema

COMMAND = Draft202012Validator(schema("command"))
RESULT = Draft202012Validator(schema("command_result"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_a_schema(name: Any) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (b'{"command": "arm"}', Command(command="arm")),
        (b'{"command": "disarm", "id": "7", "by": "alice"}', Command(command="disarm", id="7", by="alice")),
        (
            b'{"command": "acknowledge", "incident": "x", "verdict": "false"}',
            Command(command="acknowledge", incident="x", verdict="false"),
        ),
        (b'{"command": "acknowledge"}', Command(command="acknowledge")),
    ],
)
def test_a_good_command_is_read(payload: bytes, command: Command) -> None:
    assert parse_command(payload) == command


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"arm", "not JSON"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"[]", "not a JSON object"),
        (b"{}", "command: Field required"),
        (b'{"command": "explode"}', "command: Input should be 'arm', 'disarm'"),
        (b'{"command": "arm", "verdict": "true"}', "incident and verdict belong to acknowledge"),
        (b'{"command": "arm", "force": true}', "force: Extra inputs are not permitted"),
        (b'{"command": "acknowledge", "verdict": true}', "verdict: Input should be 'true'"),
        (b'{"command": "arm", "id": ""}', "id: String should have at least 1 character"),
        (b"[" * 4000, "not JSON"),
        (b" " * 10_000_000, "10,000,000 bytes are too many for a command"),
    ],
)
def test_a_bad_command_is_answered_with_what_is_wrong(payload: bytes, reason: str) -> None:
    answer = parse_command(payload)
    assert isinstance(answer, CommandResult)
    assert not answer.ok
    assert reason in answer.reason
    assert answer.fix


def test_a_bad_command_gets_its_id_back() -> None:
    answer = parse_command(b'{"command": "explode", "id": "42"}')
    assert isinstance(answer, CommandResult)
    assert (answer.command, answer.id) == ("explode", "42")


def _result(payload: bytes) -> CommandResult:
    parsed = parse_command(payload)
    return parsed if isinstance(parsed, CommandResult) else CommandResult("arm", None, ok=True)


@given(st.binary(max_size=200))
def test_any_bytes_get_a_command_or_an_answer_that_fits_the_schema(payload: bytes) -> None:
    answer = _result(payload).payload(armed=True, time="2026-03-01T12:00:00.000Z")
    RESULT.validate(json.loads(answer))


_VALUES = st.one_of(
    st.sampled_from(["arm", "disarm", "acknowledge", "snapshot", "recalibrate", "true", "false", "test"]),
    st.text(max_size=70),
    st.none(),
    st.booleans(),
    st.integers(),
)
_KEYS = st.sampled_from(["command", "id", "incident", "verdict", "by", "other"])


@given(st.dictionaries(_KEYS, _VALUES))
def test_what_is_read_and_what_the_schema_allows_are_the_same(content: dict[str, Any]) -> None:
    read = isinstance(parse_command(json.dumps(content).encode()), Command)
    assert read is COMMAND.is_valid(content), content
    answer = _result(json.dumps(content).encode()).payload(armed=False, time="2026-03-01T12:00:00.000Z")
    RESULT.validate(json.loads(answer))
