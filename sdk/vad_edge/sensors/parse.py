"""What a sensor payload says, read against what the site file declared for its stream."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime, timezone

from vad_edge.config.site import SensorConfig
from vad_edge.errors import SensorError
from vad_edge.sensors.onvif import MQTT_LEVEL, state_item, truth_of

LARGEST_PAYLOAD_BYTES = 65_536
"""More than this is no reading; it is not even parsed."""

LATEST_S = 366 * 86400.0
"""No recording is longer than a year: a message with a later time in it is refused."""

_SHOWN_CHARACTERS = 60
_ENVELOPE = {"value", "media_time_s"}


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A payload as JSON value, or as text where it is none, taken out of its replay envelope."""

    content: object
    media_time_s: float | None


def unwrap(config: SensorConfig, payload: bytes) -> Unwrapped:
    """The content of `payload`; raises SensorError if it is no text or its envelope has no usable time."""
    try:
        content = _json_or_text(payload.decode("utf-8"))
    except UnicodeDecodeError:
        raise _refusal(config, payload) from None
    if not isinstance(content, dict) or content.keys() != _ENVELOPE:
        return Unwrapped(content, None)
    time_s = _number(content["media_time_s"])
    if time_s is None or not 0.0 <= time_s <= LATEST_S:
        raise SensorError(
            f"the replay envelope's media_time_s is {_shown(content['media_time_s'])}",
            where=_place(config),
            fix="it is seconds since the first frame, from 0 to a year",
        )
    value = content["value"]
    return Unwrapped(_json_or_text(value) if isinstance(value, str) else value, time_s)


def read_value(config: SensorConfig, content: object) -> float:
    """The value in an unwrapped payload: 0.0 or 1.0 for binary streams, how many for pulses.

    Raises SensorError if it is not what was declared.
    """
    if is_onvif(config):
        return _event_value(config, content)
    if config.field is not None:
        content = _pick(config, content)
    value = _declared_value(config, content)
    if value is None:
        raise _refusal(config, content)
    return value


def is_onvif(config: SensorConfig) -> bool:
    """Whether a stream's payloads are events of ONVIF: by its table, or by its topic."""
    topic = config.topic
    return config.format == "onvif" or (MQTT_LEVEL in topic and MQTT_LEVEL in topic.split("/"))


def says_nothing(config: SensorConfig, payload: bytes) -> bool:
    """Whether a payload is no reading at all: an event of ONVIF that is deleted has no number any more."""
    return not payload and config.kind != "binary" and is_onvif(config)


def sender_time_s(time_field: str, content: object) -> float | None:
    """The sender's own time in an unwrapped payload, seconds since 1970; None where it says none."""
    found = content
    for key in time_field.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    if isinstance(found, str):
        try:
            moment = datetime.fromisoformat(found.replace("Z", "+00:00"))
        except ValueError:
            return _number(found)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    return _number(found)


def too_large(config: SensorConfig, payload: bytes) -> SensorError:
    """The refusal of a payload that is no reading by its size alone."""
    return SensorError(
        f"a payload of {len(payload)} bytes came, {LARGEST_PAYLOAD_BYTES} are the most", where=_place(config)
    )


def _event_value(config: SensorConfig, content: object) -> float:
    """The value in an event of ONVIF: an item of its data; 0 where the state it told of is deleted."""
    if content == "" and config.kind != "analog":
        return 0.0
    data = content.get("Data") if isinstance(content, dict) else None
    if not isinstance(data, dict):
        raise SensorError(
            f"expected an ONVIF event, JSON with Source and Data, got {_shown(content)}", where=_place(config)
        )
    if config.kind == "pulse" and config.field is None:
        return 0.0 if truth_of(data) is False else 1.0
    item = state_item(data) if config.field is None else data.get(config.field)
    if item is None:
        raise SensorError(
            f"none of the items of the event's data is known to be the value: {_shown(data)}",
            where=_place(config),
            fix="set the sensor's `field` to the name of the item",
        )
    value = _declared_value(config, item)
    if value is None and config.kind == "binary":
        truth = truth_of({"State": item})
        value = None if truth is None else float(truth)
    if value is None:
        raise _refusal(config, item)
    return value


def _declared_value(config: SensorConfig, content: object) -> float | None:
    """The value of what was declared; None where it is something else, or out of its range."""
    if config.kind == "binary":
        return _binary(config, content)
    value = _number(content) if config.kind == "analog" else _pulses(config, content)
    return value if value is not None and _in_range(config, value) else None


def _pick(config: SensorConfig, content: object) -> object:
    found = content
    for key in (config.field or "").split("."):
        if not isinstance(found, dict) or key not in found:
            raise SensorError(
                f"expected JSON with a field {config.field!r}, got {_shown(content)}",
                where=_place(config),
                fix="set the sensor's `field` to where the value is",
            )
        found = found[key]
    return found


def _binary(config: SensorConfig, content: object) -> float | None:
    word = _word(content)
    if word in {choice.strip().casefold() for choice in config.on}:
        return 1.0
    if word in {choice.strip().casefold() for choice in config.off}:
        return 0.0
    number = float(content) if isinstance(content, bool) else _number(content)
    return number if number in (0.0, 1.0) else None


def _pulses(config: SensorConfig, content: object) -> float | None:
    number = _number(content)
    if number is not None:
        return number if number >= 0.0 else None
    return _binary(config, content)


def _word(content: object) -> str | None:
    if isinstance(content, str):
        return content.strip().casefold()
    return json.dumps(content) if isinstance(content, (bool, float)) else _integer_word(content)


def _integer_word(content: object) -> str | None:
    # Longer integers cannot be turned into text at all (sys.set_int_max_str_digits).
    return str(content) if isinstance(content, int) and content.bit_length() <= 64 else None


def _number(content: object) -> float | None:
    if isinstance(content, bool) or not isinstance(content, (int, float, str)):
        return None
    if isinstance(content, str) and "_" in content:
        return None
    try:
        number = float(content)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _in_range(config: SensorConfig, value: float) -> bool:
    above = config.minimum is None or value >= config.minimum
    return above and (config.maximum is None or value <= config.maximum)


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _refusal(config: SensorConfig, came: object) -> SensorError:
    return SensorError(f"expected {_declared(config)}, got {_shown(came)}", where=_place(config))


def _declared(config: SensorConfig) -> str:
    if config.kind == "binary":
        return f"one of {'/'.join(config.on)} or {'/'.join(config.off)}"
    if config.kind == "pulse":
        return f"a number of pulses, 0 or more, or one of {'/'.join(config.on)}"
    low = "" if config.minimum is None else f" from {config.minimum:g}"
    high = "" if config.maximum is None else f" up to {config.maximum:g}"
    return f"a finite number{low}{high}{f' {config.unit}' if config.unit else ''}"


def _place(config: SensorConfig) -> str:
    return f"sensor {config.name} (topic {config.topic})"


def _shown(came: object) -> str:
    if isinstance(came, (bytes, str)):
        shown = ascii(came[: _SHOWN_CHARACTERS + 1])
    else:
        try:
            shown = ascii(came)
        except (ValueError, RecursionError):
            shown = f"a {type(came).__name__} too large to show"
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "..."
