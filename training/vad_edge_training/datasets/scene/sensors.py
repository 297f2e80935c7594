"""What the building's sensors send while a story happens, as recorded MQTT messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from vad_edge.sensors.recording import RecordedMessage
from vad_edge_training.datasets.scene.story import DOOR, Sensor, Story

TICK_S = 0.5
TEMPERATURE_EVERY_S = 5.0
CALM_DB = 48.0
CALM_MM_S = 0.30
PIR_REACH_M = 5.0
PIR_HOLD_S = 3.0

SITE_TOML = """\
# The sensors of the synthetic walkway; cameras and broker come from the command line.
site = "walkway"

[[camera]]
name = "walkway"

# A door contact, which speaks when it changes.
[[sensor]]
name = "door"
topic = "walkway/door/contact"
kind = "binary"
hold_s = 8.0

# A motion detector above the door, as Zigbee2MQTT sends it.
[[sensor]]
name = "pir"
topic = "zigbee2mqtt/door_pir"
kind = "binary"
field = "occupancy"
weight = 0.3

# Sound level in JSON, twice a second.
[[sensor]]
name = "sound"
topic = "walkway/sound"
kind = "analog"
field = "level"
unit = "dB"
minimum = 0
maximum = 140
period_s = 0.5
stale_after_s = 3.0
weight = 0.5
hold_s = 4.0

# Vibration of the door frame, a plain number.
[[sensor]]
name = "vibration"
topic = "walkway/vibration"
kind = "analog"
unit = "mm/s"
minimum = 0
period_s = 0.5
stale_after_s = 3.0
weight = 0.5
hold_s = 4.0

[[sensor]]
name = "temperature"
topic = "walkway/temperature"
kind = "analog"
unit = "°C"
period_s = 5.0
weight = 0.1
"""


def record_sensors(story: Story, seed: int) -> list[RecordedMessage]:
    """The messages of a whole story, in the order of their times."""
    random = np.random.default_rng(seed)
    messages = [*_analog(story, random), *_temperature(story, random), *_door(story), *_pir(story)]
    return sorted(messages, key=lambda message: message.time_s)


def _analog(story: Story, random: np.random.Generator) -> Iterator[RecordedMessage]:
    for tick in range(int(story.length_s / TICK_S)):
        time_s = round(tick * TICK_S, 3)
        level = CALM_DB + random.normal(0, 1.2) + _strength(story, "sound", time_s)
        yield _message(time_s, "walkway/sound", json.dumps({"level": round(float(level), 1)}))
        shaking = CALM_MM_S * random.lognormal(0, 0.2) + _strength(story, "vibration", time_s)
        yield _message(time_s, "walkway/vibration", f"{shaking:.2f}")


def _temperature(story: Story, random: np.random.Generator) -> Iterator[RecordedMessage]:
    warmth = 16.0
    for tick in range(int(story.length_s / TEMPERATURE_EVERY_S)):
        warmth += float(random.normal(0, 0.05))
        yield _message(tick * TEMPERATURE_EVERY_S, "walkway/temperature", f"{warmth:.2f}")


def _door(story: Story) -> Iterator[RecordedMessage]:
    yield _message(0.0, "walkway/door/contact", "closed")
    opened_until_s = 0.0
    for cue in sorted((cue for cue in story.cues if cue.sensor == "door"), key=lambda cue: cue.time_s):
        if not 0 <= cue.time_s < story.length_s:
            continue
        if cue.time_s > opened_until_s:
            yield _message(cue.time_s, "walkway/door/contact", "open")
        opened_until_s = max(opened_until_s, cue.time_s + cue.duration_s)
        if not _is_open(story, opened_until_s) and opened_until_s < story.length_s:
            yield _message(opened_until_s, "walkway/door/contact", "closed")


def _is_open(story: Story, time_s: float) -> bool:
    return any(
        cue.sensor == "door" and cue.time_s <= time_s < cue.time_s + cue.duration_s for cue in story.cues
    )


def _pir(story: Story) -> Iterator[RecordedMessage]:
    """On while someone is before the door, and a little longer."""
    occupied = None
    last_seen_s = -PIR_HOLD_S
    for tick in range(int(story.length_s / TICK_S)):
        time_s = tick * TICK_S
        if _someone_at_the_door(story, time_s):
            last_seen_s = time_s
        now = time_s - last_seen_s < PIR_HOLD_S
        if now != occupied:
            yield _message(time_s, "zigbee2mqtt/door_pir", json.dumps({"occupancy": now, "battery": 97}))
        occupied = now


def _someone_at_the_door(story: Story, time_s: float) -> bool:
    places = (actor.at(time_s) for actor in story.actors)
    return any(
        place is not None and np.hypot(place.x - DOOR[0], place.z - DOOR[1]) < PIR_REACH_M for place in places
    )


def _strength(story: Story, sensor: Sensor, time_s: float) -> float:
    """The strongest cue of a sensor now; short ones are caught by the next reading."""
    return max(
        (
            cue.strength
            for cue in story.cues
            if cue.sensor == sensor and cue.time_s <= time_s < cue.time_s + max(cue.duration_s, TICK_S)
        ),
        default=0.0,
    )


def _message(time_s: float, topic: str, payload: str) -> RecordedMessage:
    return RecordedMessage(round(time_s, 3), topic, payload.encode())
