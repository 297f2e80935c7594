from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vad_edge.config.site import SensorConfig
from vad_edge.errors import SensorError
from vad_edge.sensors.parse import read_value, unwrap

DOOR = SensorConfig(name="door", topic="home/door", kind="binary")
VALVE = SensorConfig(name="valve", topic="v", kind="binary", on=("Flow",), off=("1",), field="state.now")
TEMPERATURE = SensorConfig(
    name="temperature", topic="home/t", kind="analog", unit="degC", minimum=-40, maximum=80
)
BATTERY = SensorConfig(name="battery", topic="home/b", kind="analog", field="battery.level")


def parsed(config: SensorConfig, payload: bytes) -> tuple[float, float | None]:
    unwrapped = unwrap(config, payload)
    return read_value(config, unwrapped.content), unwrapped.media_time_s


@pytest.mark.parametrize(
    ("config", "payload", "value"),
    [
        (DOOR, b" OPEN\n", 1.0),
        (DOOR, b"closed", 0.0),
        (DOOR, b"true", 1.0),
        (DOOR, b"0", 0.0),
        (DOOR, b"1.0", 1.0),
        (DOOR, b'"on"', 1.0),
        (VALVE, b'{"state": {"now": "flow"}}', 1.0),
        (VALVE, b'{"state": {"now": 1}}', 0.0),  # declared words go before what 1 means elsewhere
        (VALVE, b'{"state": {"now": true}}', 1.0),
        (TEMPERATURE, b"21.5", 21.5),
        (TEMPERATURE, b"+.5e1", 5.0),
        (TEMPERATURE, b'"-3"', -3.0),
        (BATTERY, b'{"battery": {"level": 97, "low": false}}', 97.0),
    ],
)
def test_a_declared_payload_gives_its_value(config: SensorConfig, payload: bytes, value: float) -> None:
    assert parsed(config, payload) == (value, None)


@pytest.mark.parametrize(
    ("config", "payload", "message"),
    [
        (DOOR, b"ajar", "sensor door (topic home/door): expected one of on/true/1/open"),
        (DOOR, b"ajar", "got 'ajar'"),
        (DOOR, b"2", "got 2"),
        (DOOR, b"\xff\x00", r"got b'\xff\x00'"),
        (TEMPERATURE, b"warm", "expected a finite number from -40 up to 80 degC, got 'warm'"),
        (TEMPERATURE, b"NaN", "got nan"),
        (TEMPERATURE, b"1e999", "got inf"),
        (TEMPERATURE, b"81", "got 81"),
        (TEMPERATURE, b"true", "got True"),
        (TEMPERATURE, b"[21]", "got [21]"),
        (BATTERY, b'{"battery": 3}', "expected JSON with a field 'battery.level', got {'battery': 3}"),
        (BATTERY, b"97", "expected JSON with a field 'battery.level', got 97; set the sensor's `field`"),
        (DOOR, b"x" * 1000, "got '" + "x" * 59 + "..."),
        (DOOR, b'{"value": "on", "media_time_s": -1}', "media_time_s is -1"),
        (DOOR, b'{"value": "on", "media_time_s": 1e13}', "media_time_s is 10000000000000.0"),
    ],
)
def test_anything_else_is_refused_with_what_was_declared_and_what_came(
    config: SensorConfig, payload: bytes, message: str
) -> None:
    with pytest.raises(SensorError) as refusal:
        parsed(config, payload)
    assert message in str(refusal.value)


@pytest.mark.parametrize("value", [True, "open", "on"])
def test_a_replayed_payload_is_taken_out_of_its_envelope(value: object) -> None:
    payload = json.dumps({"value": value, "media_time_s": 12.5}).encode()
    assert parsed(DOOR, payload) == (1.0, 12.5)


def test_a_replayed_object_is_searched_for_its_field() -> None:
    payload = b'{"value": {"battery": {"level": 5}}, "media_time_s": 0}'
    assert parsed(BATTERY, payload) == (5.0, 0.0)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["battery", "level", "value"]), inner),
)


@given(
    st.sampled_from([DOOR, VALVE, TEMPERATURE, BATTERY]),
    st.binary()
    | _json.map(lambda value: json.dumps(value).encode())
    | _json.map(lambda value: json.dumps({"value": value, "media_time_s": value}).encode()),
)
@example(DOOR, b"[" * 100_000)
@example(TEMPERATURE, b"9" * 5000)
@example(TEMPERATURE, b"9" * 400)
@example(DOOR, b'{"value": "\\ud800", "media_time_s": 1}')
def test_no_bytes_raise_anything_but_a_sensor_error(config: SensorConfig, payload: bytes) -> None:
    with contextlib.suppress(SensorError):
        assert math.isfinite(parsed(config, payload)[0])


def test_a_refusal_stays_short_whatever_came() -> None:
    for payload in (b"x" * 100_000, b"[" * 100_000, b"9" * 5000, b'{"a": "' + b"b" * 9999 + b'"}'):
        with pytest.raises(SensorError) as refusal:
            parsed(TEMPERATURE, payload)
        assert len(str(refusal.value)) < 200
