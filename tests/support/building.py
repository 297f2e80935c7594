"""A synthetic building: what one camera scores and what its sensors say, by day and night, with incidents.

Only statistics: no pictures. Normal life ties the sensors to the camera (people open doors and make noise),
trucks are heard and never seen, and an incident shows in some of the streams, often before the camera.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from vad_edge.calibration.scores import Stretch
from vad_edge.calibration.sensors import HeardClip
from vad_edge.config.site import SensorConfig
from vad_edge.sensors.recording import RecordedMessage

FPS = 2.0
CUES = ("look", "motion")
START = datetime(2026, 3, 2, tzinfo=timezone.utc)

SENSORS = (
    SensorConfig(name="door", topic="b/door", kind="binary", hold_s=15),
    SensorConfig(name="sound", topic="b/sound", kind="analog", field="dB", hold_s=15, period_s=2),
    SensorConfig(name="vibration", topic="b/vibration", kind="analog", hold_s=15, period_s=2),
    SensorConfig(name="counter", topic="b/counter", kind="pulse", hold_s=15),
    SensorConfig(name="lights", topic="b/lights", kind="binary", role="context"),
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Happening:
    """One incident: seen from begin_s to end_s, first heard at heard_s (begin_s where nothing hears it)."""

    begin_s: float
    end_s: float
    heard_s: float


@dataclass(frozen=True, slots=True)
class Life:
    """Some hours of the building."""

    hours: float
    scores: FloatArray
    messages: tuple[RecordedMessage, ...]
    incidents: tuple[Happening, ...]

    @property
    def time_s(self) -> FloatArray:
        """When each row of the scores was."""
        return np.asarray(np.arange(len(self.scores)) / FPS)

    def clip(self, messages: Sequence[RecordedMessage] | None = None) -> HeardClip:
        """As one clip, with other messages where they are given."""
        stretch = Stretch("building", self.time_s, self.scores)
        return HeardClip(START, (stretch,), tuple(self.messages if messages is None else messages))


def live(hours: float, seed: int, *, incidents_per_hour: float = 0.0) -> Life:
    """So many hours from midnight; the same seed gives the same life."""
    random = np.random.default_rng(seed)
    seconds = hours * 3600.0
    ticks = int(seconds / 2.0)
    tick_s = np.arange(ticks) * 2.0
    frames = int(seconds * FPS)
    frame_s = np.arange(frames) / FPS
    day = _by_day(tick_s)
    sound = 42.0 + 5.0 * day + random.normal(0.0, 1.3, ticks)
    shaking = 0.2 * random.lognormal(0.0, 0.3, ticks) * (1.0 + 0.5 * day)
    activity = 0.35 * _by_day(frame_s)[:, None] + _wandering(frames, random)
    doors: list[float] = []
    pulses: list[float] = []

    for begin_s in _arrivals(seconds, lambda at: 3.0 + 20.0 * _by_day(at), random):
        length_s = float(random.uniform(5.0, 25.0))
        activity[_rows(frame_s, begin_s, length_s)] += random.gamma(2.0, 0.28) + random.normal(0, 0.1, 2)
        sound[_rows(tick_s, begin_s, length_s)] += random.gamma(2.0, 1.0)
        shaking[_rows(tick_s, begin_s, length_s)] += random.gamma(2.0, 0.06)
        if random.random() < 0.4:
            doors.append(begin_s - 2.0)
        if random.random() < 0.7:
            pulses.append(begin_s + 3.0)
    for begin_s in _arrivals(seconds, lambda at: 1.0 + 3.0 * _by_day(at), random):
        sound[_rows(tick_s, begin_s, random.uniform(3.0, 9.0))] += random.gamma(4.0, 2.0)

    incidents = []
    rate = incidents_per_hour
    for begin_s in _arrivals(seconds - 120.0, lambda at: np.full_like(at, rate), random):
        if begin_s < 120.0 or (incidents and begin_s - incidents[-1].end_s < 240.0):
            continue
        length_s = float(random.uniform(15.0, 40.0))
        ramp = np.clip((frame_s - begin_s) / 4.0, 0.0, 1.0)[:, None]
        rows = _rows(frame_s, begin_s, length_s)
        activity[rows] += ramp[rows] * (random.gamma(3.0, 0.42) + random.normal(0, 0.15, 2))
        heard_s = begin_s
        if random.random() < 0.7:
            lead_s = float(random.uniform(2.0, 14.0))
            sound[_rows(tick_s, begin_s - lead_s, length_s)] += random.gamma(5.0, 1.8)
            heard_s = min(heard_s, begin_s - lead_s)
        if random.random() < 0.6:
            lead_s = float(random.uniform(1.0, 8.0))
            shaking[_rows(tick_s, begin_s - lead_s, length_s)] += random.gamma(4.0, 0.25)
            heard_s = min(heard_s, begin_s - lead_s)
        if random.random() < 0.5:
            lead_s = float(random.uniform(2.0, 10.0))
            doors.append(begin_s - lead_s)
            heard_s = min(heard_s, begin_s - lead_s)
        if random.random() < 0.4:
            pulses += (begin_s + random.uniform(0.0, 8.0, random.integers(3, 8))).tolist()
        incidents.append(Happening(begin_s, begin_s + length_s, heard_s))

    messages = [
        *_spoken(tick_s, "b/sound", [json.dumps({"dB": round(v, 1)}) for v in sound.tolist()]),
        *_spoken(tick_s + 1.0, "b/vibration", [f"{v:.3f}" for v in shaking.tolist()]),
        *_lights(seconds),
        *_door(doors, random),
        *(RecordedMessage(at, "b/counter", b"1") for at in pulses if at >= 0.0),
    ]
    ordered = tuple(sorted(messages, key=lambda message: message.time_s))
    return Life(hours, np.exp(activity), ordered, tuple(incidents))


# What can go wrong an hour after the beginning; each takes the messages of one life and its seed.


def stuck(messages: Sequence[RecordedMessage], seed: int) -> list[RecordedMessage]:
    """The sound level stands still after an hour, at a loud value."""
    payload = json.dumps({"dB": 62.0}).encode()
    return [
        replace(message, payload=payload) if message.topic == "b/sound" and message.time_s > 3600 else message
        for message in messages
    ]


def lying(messages: Sequence[RecordedMessage], seed: int) -> list[RecordedMessage]:
    """After an hour the sound level jumps up at random moments, four times a minute in the mean."""
    random = np.random.default_rng(seed)
    said = []
    for message in messages:
        if message.topic == "b/sound" and message.time_s > 3600 and random.random() < 4 / 30:
            level = float(random.uniform(60.0, 95.0))
            message = replace(message, payload=json.dumps({"dB": round(level, 1)}).encode())
        said.append(message)
    return said


def _by_day(at: FloatArray) -> FloatArray:
    """How busy it is, 0 by night to 1 at noon."""
    return np.asarray(np.clip(np.sin((at / 3600.0 % 24.0 - 6.0) / 12.0 * np.pi), 0.0, 1.0))


def _wandering(frames: int, random: np.random.Generator) -> FloatArray:
    """Two cues that drift together a little, (T, 2)."""
    from scipy.signal import lfilter

    keep = np.exp(-1.0 / (2.0 * FPS))
    noise = random.standard_normal((frames, 3)) * np.sqrt(1.0 - keep**2)
    rows = lfilter([1.0], [1.0, -keep], noise, axis=0)
    return np.asarray(0.25 * rows[:, :2] + 0.2 * rows[:, 2:])


def _arrivals(
    seconds: float, per_hour: Callable[[FloatArray], FloatArray], random: np.random.Generator
) -> list[float]:
    """Times of a Poisson process whose rate changes, by thinning."""
    most = float(per_hour(np.arange(0.0, 86400.0, 600.0)).max())
    at = np.sort(random.uniform(0.0, seconds, random.poisson(most * seconds / 3600.0)))
    kept: list[float] = at[random.random(len(at)) * most < per_hour(at)].tolist()
    return kept


def _rows(times: FloatArray, begin_s: float, length_s: float) -> slice:
    step_s = times[1] - times[0]
    return slice(max(int(begin_s / step_s), 0), max(int((begin_s + length_s) / step_s), 0))


def _spoken(times: FloatArray, topic: str, payloads: Sequence[str]) -> list[RecordedMessage]:
    return [
        RecordedMessage(at, topic, text.encode()) for at, text in zip(times.tolist(), payloads, strict=True)
    ]


def _lights(seconds: float) -> list[RecordedMessage]:
    changes = [(0.0, b"off")]
    for day in range(int(seconds // 86400) + 1):
        changes += [(day * 86400 + 7 * 3600.0, b"on"), (day * 86400 + 19 * 3600.0, b"off")]
    return [RecordedMessage(at, "b/lights", word) for at, word in changes if at < seconds]


def _door(openings: Sequence[float], random: np.random.Generator) -> list[RecordedMessage]:
    messages, closed_s = [RecordedMessage(0.0, "b/door", b"closed")], 0.0
    for at in sorted(openings):
        if at > closed_s + 0.5:
            closed_s = at + float(random.uniform(2.0, 6.0))
            messages += [
                RecordedMessage(at, "b/door", b"open"),
                RecordedMessage(closed_s, "b/door", b"closed"),
            ]
    return messages
