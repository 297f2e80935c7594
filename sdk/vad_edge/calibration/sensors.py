"""What the sensors of a site said during recorded footage, as a run would have heard it frame by frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.calibration.scores import Stretch
from vad_edge.clock import MediaClock
from vad_edge.config.site import SensorConfig
from vad_edge.fusion.fuse import excess
from vad_edge.sensors.hub import SensorHub
from vad_edge.sensors.recording import RecordedMessage, read_recording

APART_S: Final = 3600.0
"""How far apart clips are taken to be where nothing says when they were recorded."""

_JOINED_S: Final = 5.0
"""Clips so near are one recording: stamps are whole seconds, and a container keeps its own time."""

_STAMP: Final = "%Y%m%d-%H%M%S"
_NOT_RECORDED: Final = "is in no recording beside the footage"


@dataclass(frozen=True, slots=True)
class HeardClip:
    """A clip's stretches, and the messages that were recorded beside it: times are the clip's own."""

    began: datetime | None
    stretches: tuple[Stretch, ...]
    messages: tuple[RecordedMessage, ...]


class Listener:
    """Plays clip after clip to one hub, in order, each reading judged by what had been learned before it.

    So no stream is judged by what it has learned from, and what it has learned in the end is what a run goes
    on from. Clips that bear the time they were recorded at stand there, in whatever order they come; nothing
    is learned of the time between two. learned is what to begin with, from another listener or a run;
    taken_up are the streams that went on from it.
    """

    def __init__(
        self,
        sensors: Sequence[SensorConfig],
        camera: str,
        *,
        latency_s: float = 0.0,
        learned: Mapping[str, Any] | None = None,
    ) -> None:
        self._sensors = sensors
        self._camera = camera
        self._latency_s = latency_s
        self._learned = learned or {}
        self._clock: MediaClock | None = None
        self._start: datetime | None = None
        self._hub: SensorHub | None = None
        self._next_s = 0.0
        self.streams = tuple(
            sensor.name for sensor in sensors if sensor.role == "evidence" and sensor.is_for(camera)
        )
        self.taken_up: frozenset[str] = frozenset()
        self._weights = {sensor.name: sensor.weight for sensor in sensors}
        self._columns = {name: column for column, name in enumerate(self.streams)}

    def hear(self, clip: HeardClip) -> list[Stretch]:
        """The clip's stretches together with what the streams said, (T, S) in the order of `streams`."""
        hub, begin_s = self._begin(clip.began)
        for message in clip.messages:
            hub.accept(message.topic, message.payload, begin_s + message.time_s)
        heard = [replace(part, heard=self._said(hub, begin_s + part.time_s)) for part in clip.stretches]
        ends = [float(part.time_s[-1]) for part in clip.stretches]
        self._next_s = begin_s + max(ends, default=0.0)
        hub.evidence(self._camera, self._next_s)
        return heard

    def hear_clip(self, clip: Path | str, stretches: list[Stretch]) -> list[Stretch]:
        """The same for a clip whose sensors' recording lies beside it. Raises SensorError for a bad one."""
        if not self.streams or not isinstance(clip, Path):
            return stretches
        return self.hear(HeardClip(began_at(clip), tuple(stretches), tuple(messages_beside(clip))))

    def learned(self) -> dict[str, Any]:
        """What the streams have learned so far."""
        return {} if self._hub is None else self._hub.learned()

    def kept(self, names: Collection[str]) -> dict[str, dict[str, Any]]:
        """Weight and what was learned, by name, of some streams: what a run goes on from."""
        learned = self.learned()
        return {
            name: {"weight": self._weights[name], "learned": learned[name]}
            for name in self.streams
            if name in names
        }

    def notes(self, counting: Collection[str]) -> list[str]:
        """What people should know: streams that are not among those that count, and why."""
        views = [] if self._hub is None else self._hub.views(self._next_s)
        spoke = {view.name for view in views if view.value is not None}
        why = {True: "could not be believed at any time of the footage", False: _NOT_RECORDED}
        return [
            f"sensor {name} {why[name in spoke]}, so it adds nothing to the risk"
            for name in self.streams
            if name not in counting
        ]

    def _begin(self, began: datetime | None) -> tuple[SensorHub, float]:
        """The hub, and when the next clip begins on its clock."""
        if self._hub is None:
            self._start = began
            self._clock = MediaClock(began)
            self._hub = SensorHub(self._sensors, self._clock)
            self.taken_up = frozenset(self._hub.take_up(self._learned))
            return self._hub, 0.0
        begin_s = self._next_s + APART_S
        if began is not None and self._start is not None:
            begin_s = (began - self._start) / timedelta(seconds=1)
            if abs(begin_s - self._next_s) <= _JOINED_S:
                return self._hub, max(begin_s, self._next_s)
        self._hub.cut(self._next_s, begin_s)
        return self._hub, begin_s

    def _said(self, hub: SensorHub, times: NDArray[np.float64]) -> NDArray[np.float64]:
        table = np.full((len(times), len(self.streams)), np.nan)
        for row, time_s in enumerate(times.tolist()):
            for said in hub.evidence(self._camera, time_s - self._latency_s):
                part = self._weights[said.stream] * excess(said.surprise)
                table[row, self._columns[said.stream]] = part
        return table


def believed(stretches: Sequence[Stretch], streams: Sequence[str]) -> tuple[str, ...]:
    """The streams that could be believed at some time of the footage: no other has a part in its levels.

    streams are the columns of what was heard.
    """
    heard = [part.heard for part in stretches if part.heard is not None]
    return tuple(
        name
        for column, name in enumerate(streams)
        if any(np.isfinite(table[:, column]).any() for table in heard)
    )


def recording_beside(clip: Path) -> Path | None:
    """The sensors' recording that belongs to a clip: ``sensors/PART/NAME.jsonl`` for ``PART/NAME.mkv``.

    Or NAME.jsonl beside it; None where there is none.
    """
    beside = clip.parent.parent / "sensors" / clip.parent.name / f"{clip.stem}.jsonl"
    return next((path for path in (beside, clip.with_suffix(".jsonl")) if path.is_file()), None)


def messages_beside(clip: Path) -> list[RecordedMessage]:
    """What the sensors said during a clip; nothing without a recording. Raises SensorError for a bad one."""
    beside = recording_beside(clip)
    return [] if beside is None else read_recording(beside)


def began_at(clip: Path) -> datetime | None:
    """When a clip of `vad-edge record` began, by its name; None for other names."""
    try:
        return datetime.strptime(clip.stem[:15], _STAMP).astimezone()
    except ValueError:
        return None
