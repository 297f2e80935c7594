"""What can go wrong with sensors, done to a recording of them: late, lost, silent, stuck, lying."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from paho.mqtt.client import topic_matches_sub

from vad_edge.config.site import SensorConfig
from vad_edge.errors import ConfigError, SensorError
from vad_edge.sensors.parse import read_value, unwrap
from vad_edge.sensors.recording import RecordedMessage

Messages = Sequence[RecordedMessage]

LIES_PER_MIN: Final = 4.0
"""How often a lying sensor claims that something happens."""

_FIX: Final = "give delay:SECONDS, loss:SHARE, without:NAME, stuck:NAME or lie:NAME"
_LIE_SPREADS: Final = (5.0, 30.0)


@dataclass(frozen=True, slots=True)
class SensorFault:
    """One fault: ``delay:30``, ``loss:0.3``, ``without:door``, ``stuck:sound`` or ``lie:sound``."""

    kind: str
    stream: SensorConfig | None
    amount: float = 0.0

    @classmethod
    def parse(cls, text: str, sensors: Sequence[SensorConfig]) -> SensorFault:
        """The fault that a text means. Raises ConfigError for anything else."""
        kind, _, argument = text.partition(":")
        if kind in ("without", "stuck", "lie"):
            stream = next((sensor for sensor in sensors if sensor.name == argument), None)
            if stream is None:
                known = ", ".join(sensor.name for sensor in sensors) or "none"
                raise ConfigError(f"there is no sensor {argument!r}", fix=f"the site file has {known}")
            return cls(kind, stream)
        try:
            amount = float(argument)
        except ValueError:
            amount = -1.0
        if kind not in ("delay", "loss") or amount < 0.0 or (kind == "loss" and amount > 1.0):
            raise ConfigError(f"{text!r} is no fault of sensors", fix=_FIX)
        return cls(kind, None, amount)

    def done_to(self, messages: Messages, random: np.random.Generator) -> list[RecordedMessage]:
        """The recording as it would have been with this fault, in the order of its times."""
        if self.kind == "delay":
            return [replace(message, time_s=message.time_s + self.amount) for message in messages]
        if self.kind == "loss":
            return [message for message in messages if random.random() >= self.amount]
        config = self.stream
        assert config is not None  # noqa: S101 - by its kind
        if self.kind == "without":
            return [message for message in messages if not topic_matches_sub(config.topic, message.topic)]
        mine = [message for message in messages if topic_matches_sub(config.topic, message.topic)]
        others = [message for message in messages if not topic_matches_sub(config.topic, message.topic)]
        spoilt = _stuck(mine) if self.kind == "stuck" else _lies(mine, config, random)
        return sorted([*others, *spoilt], key=lambda message: message.time_s)


def _stuck(messages: Messages) -> list[RecordedMessage]:
    """Every message says what the first one said."""
    return [replace(message, payload=messages[0].payload) for message in messages]


def _lies(messages: Messages, config: SensorConfig, random: np.random.Generator) -> list[RecordedMessage]:
    """The messages, and at random moments a claim that something happens."""
    values = list(_values(messages, config))
    if not values:
        return list(messages)
    ended_s = messages[-1].time_s
    count = random.poisson(LIES_PER_MIN * ended_s / 60.0)
    moments = np.sort(random.uniform(0.0, ended_s, count)).tolist()
    topic, claims = messages[0].topic, []

    def claim(moment_s: float, value: float) -> None:
        claims.append(RecordedMessage(moment_s, topic, _payload(messages[0], config, value)))

    for moment in moments:
        if config.kind == "analog":
            spread = max(float(np.std(values)), 0.01 * abs(float(np.mean(values))), 1e-6)
            value = float(np.mean(values) + random.uniform(*_LIE_SPREADS) * spread)
            value = value if config.maximum is None else min(value, config.maximum)
            claim(moment, round(value, 4))
        elif config.kind == "pulse":
            claim(moment, 10.0)
        else:
            claim(moment, 1.0)
            claim(moment + 1.0, 0.0)
    return sorted([*messages, *claims], key=lambda message: message.time_s)


def _values(messages: Messages, config: SensorConfig) -> Iterator[float]:
    for message in messages:
        try:
            yield read_value(config, unwrap(config, message.payload).content)
        except SensorError:
            continue


def _payload(like: RecordedMessage, config: SensorConfig, value: float) -> bytes:
    """A payload of the stream that says a value."""
    said: object = value
    if config.kind == "binary":
        said = (config.on if value > 0.5 else config.off)[0]
    if config.field is None:
        return str(said).encode()
    try:
        whole = json.loads(like.payload)
    except ValueError:
        whole = {}
    place = whole = whole if isinstance(whole, dict) else {}
    *outer, last = config.field.split(".")
    for key in outer:
        place = place.setdefault(key, {})
    place[last] = said
    return json.dumps(whole).encode()
