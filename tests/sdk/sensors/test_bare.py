from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vad_edge.config.site import SensorConfig
from vad_edge.errors import SensorError
from vad_edge.sensors.bare import BareReader
from vad_edge.sensors.parse import read_value, unwrap

DOOR = SensorConfig(name="door", topic="d", kind="binary")
VALVE = SensorConfig(name="valve", topic="v", kind="binary", on=("Flow", "Ouverté"), off=("1",))
WORDLESS = SensorConfig(name="wordless", topic="w", kind="binary", on=(), off=())
HEAT = SensorConfig(name="heat", topic="h", kind="analog", minimum=-40, maximum=80)
COUNT = SensorConfig(name="count", topic="c", kind="pulse", maximum=100)

words = st.sampled_from([*DOOR.on, *DOOR.off, *VALVE.on, "ajar", "null", "NaN", "Infinity", "1_0", "0x1"])
said = (
    st.binary(max_size=12)
    | st.text(max_size=8).map(str.encode)
    | (st.integers() | st.floats()).map(lambda number: str(number).encode())
    | words.map(str.encode)
    | words.map(lambda word: f" {word.upper()}\n".encode())
    | words.map(lambda word: json.dumps(word).encode())
    | st.integers(-1, 101).map(lambda value: json.dumps({"value": value, "media_time_s": 1.0}).encode())
)


@given(st.sampled_from([DOOR, VALVE, WORDLESS, HEAT, COUNT]), said)
@example(HEAT, b"9" * 5000)
@example(COUNT, b"-0.0")
@example(DOOR, b"01")
def test_what_is_read_at_once_is_what_a_second_look_gives(config: SensorConfig, payload: bytes) -> None:
    at_once = BareReader(config).read(payload)
    try:
        looked: float | None = read_value(config, unwrap(config, payload).content)
    except SensorError:
        looked = None
    assert at_once in (None, looked)


@pytest.mark.parametrize(
    ("config", "payload", "value"),
    [
        (DOOR, b" OPEN\n", 1.0),
        (DOOR, b"0", 0.0),
        (VALVE, b"1", 0.0),
        (VALVE, "ouverté".encode(), 1.0),
        (HEAT, b"21.5", 21.5),
        (COUNT, b"3", 3.0),
    ],
)
def test_bare_numbers_and_declared_words_take_no_second_look(
    config: SensorConfig, payload: bytes, value: float
) -> None:
    assert BareReader(config).read(payload) == value


@pytest.mark.parametrize("more", [{"field": "state"}, {"time_field": "at"}])
def test_a_stream_that_is_declared_as_json_always_takes_one(more: dict[str, str]) -> None:
    assert BareReader(DOOR.model_copy(update=more)).read(b"open") is None
