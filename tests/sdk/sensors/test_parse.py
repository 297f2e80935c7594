from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vad_edge.config.site import SensorConfig
from vad_edge.errors import SensorError
from vad_edge.sensors.parse import is_onvif, read_value, says_nothing, unwrap

DOOR = SensorConfig(name="door", topic="home/door", kind="binary")
VALVE = SensorConfig(name="valve", topic="v", kind="binary", on=("Flow",), off=("1",), field="state.now")
TEMPERATURE = SensorConfig(
    name="temperature", topic="home/t", kind="analog", unit="degC", minimum=-40, maximum=80
)
BATTERY = SensorConfig(name="battery", topic="home/b", kind="analog", field="battery.level")


MOTION = SensorConfig(name="motion", topic="axis/onvif-ej/VideoSource/MotionAlarm/#", kind="binary")
NAMED = SensorConfig(name="named", topic="yard/events", kind="binary", format="onvif", field="Active")
LEVEL = SensorConfig(name="level", topic="a/onvif-ej/Own/Level", kind="analog", field="Percent", maximum=100)
CROSSED = SensorConfig(name="crossed", topic="a/onvif-ej/RuleEngine/LineDetector/Crossed", kind="pulse")
SHUT = SensorConfig(
    name="shut",
    topic="a/onvif-ej/Device/Trigger/DigitalInput",
    kind="binary",
    on=("inactive",),
    off=("active",),
)


def event(**data: object) -> bytes:
    return json.dumps({"UtcTime": "2026-01-01T00:00:00Z", "Source": {"Token": "1"}, "Data": data}).encode()


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


@pytest.mark.parametrize(
    ("config", "payload", "value"),
    [
        (MOTION, event(State=True), 1.0),
        (MOTION, event(State="0"), 0.0),
        (MOTION, event(IsMotion="true", ObjectId="1"), 1.0),
        (MOTION, b"", 0.0),
        (NAMED, event(Active="1", Other="x"), 1.0),
        (SHUT, event(LogicalState="inactive"), 1.0),
        (LEVEL, event(Percent="12.5", Other=1), 12.5),
        (CROSSED, event(ObjectId=7), 1.0),
        (CROSSED, event(State="false"), 0.0),
    ],
)
def test_an_event_of_onvif_gives_the_value_in_its_data(
    config: SensorConfig, payload: bytes, value: float
) -> None:
    assert parsed(config, payload) == (value, None)


@pytest.mark.parametrize(
    ("config", "payload", "said"),
    [
        (MOTION, b"on", "expected an ONVIF event, JSON with Source and Data, got 'on'"),
        (MOTION, b'{"Data": 3}', "expected an ONVIF event"),
        (MOTION, event(ObjectId=1, Rule="a"), "none of the items .*; set the sensor's `field`"),
        (MOTION, event(State="perhaps"), "expected one of on/true/1/open/detected/motion"),
        (NAMED, event(State="true"), "none of the items"),
        (LEVEL, event(Percent=101), "expected a finite number up to 100, got 101"),
        (LEVEL, b"", "expected an ONVIF event"),
    ],
)
def test_an_event_of_onvif_that_says_something_else_is_refused(
    config: SensorConfig, payload: bytes, said: str
) -> None:
    with pytest.raises(SensorError, match=said):
        parsed(config, payload)


def test_only_a_whole_level_of_a_topic_says_that_events_of_onvif_lie_below() -> None:
    assert is_onvif(MOTION)
    assert is_onvif(NAMED)
    assert not is_onvif(SensorConfig(name="a", topic="home/not-onvif-ej/x", kind="binary"))


def test_a_deleted_event_has_no_number_and_its_state_is_over() -> None:
    assert says_nothing(LEVEL, b"")
    assert says_nothing(CROSSED, b"")
    assert not says_nothing(MOTION, b"")
    assert not says_nothing(TEMPERATURE, b"")


@pytest.mark.parametrize("value", [True, "open", "on"])
def test_a_replayed_payload_is_taken_out_of_its_envelope(value: object) -> None:
    payload = json.dumps({"value": value, "media_time_s": 12.5}).encode()
    assert parsed(DOOR, payload) == (1.0, 12.5)


def test_a_replayed_object_is_searched_for_its_field() -> None:
    payload = b'{"value": {"battery": {"level": 5}}, "media_time_s": 0}'
    assert parsed(BATTERY, payload) == (5.0, 0.0)


KEYS = ["battery", "level", "value", "Data", "State", "Percent"]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
)


@given(
    st.sampled_from([DOOR, VALVE, TEMPERATURE, BATTERY, MOTION, NAMED, LEVEL, CROSSED, SHUT]),
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
