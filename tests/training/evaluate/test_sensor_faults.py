from __future__ import annotations

import json

import numpy as np
import pytest

from vad_edge.config.site import SensorConfig
from vad_edge.errors import ConfigError
from vad_edge.sensors.parse import read_value, unwrap
from vad_edge.sensors.recording import RecordedMessage
from vad_edge_training.evaluate.sensor_faults import SensorFault

DOOR = SensorConfig(name="door", topic="door", kind="binary")
SOUND = SensorConfig(name="sound", topic="sound", kind="analog", field="level.dB", maximum=140)
COUNT = SensorConfig(name="count", topic="count", kind="pulse")
SENSORS = (DOOR, SOUND, COUNT)

MESSAGES = [
    *(
        RecordedMessage(1.0 * n, "sound", json.dumps({"level": {"dB": 40 + n % 5}}).encode())
        for n in range(600)
    ),
    *(RecordedMessage(60.0 * n, "door", b"open" if n % 2 else b"closed") for n in range(10)),
    *(RecordedMessage(30.0 * n, "count", b"1") for n in range(20)),
]


def done(text: str) -> list[RecordedMessage]:
    return SensorFault.parse(text, SENSORS).done_to(MESSAGES, np.random.default_rng(1))


def test_messages_are_late_or_lost() -> None:
    assert [message.time_s - 30.0 for message in done("delay:30")] == [message.time_s for message in MESSAGES]
    assert 350 < len(done("loss:0.4")) < 410
    assert done("loss:1") == []


def test_one_stream_falls_silent_or_stands_still() -> None:
    assert {message.topic for message in done("without:sound")} == {"door", "count"}
    said = {message.payload for message in done("stuck:sound") if message.topic == "sound"}
    assert said == {b'{"level": {"dB": 40}}'}


@pytest.mark.parametrize("config", SENSORS, ids=lambda config: config.name)
def test_a_liar_s_claims_are_what_its_stream_could_say(config: SensorConfig) -> None:
    lies = [message for message in done(f"lie:{config.name}") if message not in MESSAGES]
    assert 20 < len(lies) < 120
    values = [read_value(config, unwrap(config, lie.payload).content) for lie in lies]
    assert max(values) > {"door": 0.5, "sound": 46.0, "count": 5.0}[config.name]


@pytest.mark.parametrize(
    "text", ["", "delay", "delay:-1", "delay:soon", "loss:1.5", "lie:nobody", "sing:door"]
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        SensorFault.parse(text, SENSORS)
