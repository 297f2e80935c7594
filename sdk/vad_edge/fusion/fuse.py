"""Video and sensor surprises of one camera to its risk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vad_edge.scoring.scorer import Surprise
from vad_edge.sensors.stream import SensorSurprise


@dataclass(frozen=True, slots=True)
class Risk:
    """One number for how unusual the situation is, and what it is made of.

    value is on the scale of a surprise (-log10 of a chance, 0 is ordinary). shares maps the name of each
    cue and stream to its part of the value; the parts add up to value.
    """

    time_s: float
    value: float
    shares: Mapping[str, float]


STREAM_FLOOR: Final = 1.0
STREAM_CAP: Final = 3.0
"""Which surprises of a stream count under an alarm budget (docs/results.md, "Sensors")."""

_FORGOTTEN = 1e-9


def excess(surprise: float) -> float:
    """What a stream's surprise adds to the risk of a camera that keeps an alarm budget.

    Nothing below `STREAM_FLOOR`: what one moment in ten brings is noise, and there are many streams. No more
    above `STREAM_CAP`: no single stream may raise an alarm that nothing else supports.

    >>> [excess(surprise) for surprise in (0.5, 2.5, 6.0)]
    [0.0, 1.5, 2.0]
    """
    return max(min(surprise, STREAM_CAP) - STREAM_FLOOR, 0.0)


class Fuser:
    """A running average of the evidence about one camera, which remembers what each part gave.

    risk = the video's surprise + the weighted surprise of every sensor stream, smoothed exponentially over
    smoothing_s of run time (0: not at all), starting from 0. Without a valid frame the video's part stands
    still for hold_s and then fades; sensors count on.
    """

    def __init__(self, smoothing_s: float, *, hold_s: float = 2.0) -> None:
        self._smoothing_s = smoothing_s
        self._hold_s = hold_s
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a change of scene."""
        self._time_s: float | None = None
        self._video_s = -math.inf
        self._video: dict[str, float] = {}
        self._sensors: dict[str, float] = {}

    def update(
        self, time_s: float, surprise: Surprise | None, evidence: Sequence[tuple[SensorSurprise, float]] = ()
    ) -> Risk:
        """The risk at `time_s`, from this frame's surprise (None: no valid frame) and (stream, weight) pairs.

        A time that does not advance adds nothing to a smoothed risk. A stream that bears a cue's name is
        called ``sensor.NAME`` in the shares. Raises ValueError for a surprise that is not finite, since it
        would stay in the average for good.
        """
        streams: dict[str, float] = {}
        for stream, weight in evidence:
            streams[stream.stream] = streams.get(stream.stream, 0.0) + weight * stream.surprise
        cues = {} if surprise is None else _shared_out(surprise)
        if not all(map(math.isfinite, (*cues.values(), *streams.values()))):
            raise ValueError(f"evidence at {time_s:.3f} s is not finite: {cues} {streams}")

        follow = self._follow(time_s)
        if surprise is not None:
            self._video_s = time_s
        if surprise is not None or time_s - self._video_s > self._hold_s:
            self._video = _moved(self._video, cues, follow)
        self._sensors = _moved(self._sensors, streams, follow)

        shares = dict(self._video)
        for name, part in self._sensors.items():
            shares[f"sensor.{name}" if name in shares else name] = part
        return Risk(time_s=time_s, value=math.fsum(shares.values()), shares=shares)

    def _follow(self, time_s: float) -> float:
        """How far the average moves towards the newest evidence: 0 not at all, 1 all the way."""
        elapsed_s = 0.0 if self._time_s is None else max(time_s - self._time_s, 0.0)
        self._time_s = time_s if self._time_s is None else max(time_s, self._time_s)
        return -math.expm1(-elapsed_s / self._smoothing_s) if self._smoothing_s > 0 else 1.0


def _shared_out(surprise: Surprise) -> dict[str, float]:
    """The total, given to the cues in proportion to their own surprises."""
    whole = sum(surprise.cues.values())
    if whole <= 0.0:
        return {cue: surprise.total / len(surprise.cues) for cue in surprise.cues}
    return {cue: surprise.total * own / whole for cue, own in surprise.cues.items()}


def _moved(parts: Mapping[str, float], towards: Mapping[str, float], follow: float) -> dict[str, float]:
    """Each part a step nearer to its newest value; what is absent there fades and is then forgotten."""
    moved = {}
    for name in {**parts, **towards}:
        part = parts.get(name, 0.0)
        part += follow * (towards.get(name, 0.0) - part)
        if name in towards or part > _FORGOTTEN:
            moved[name] = part
    return moved
