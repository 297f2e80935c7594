"""What a run tells whoever watches it: one moment a frame, and the events and conditions between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vad_edge.events.event import Event
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level
from vad_edge.health.conditions import HealthEvent
from vad_edge.pipeline import ScoredFrame
from vad_edge.sensors.hub import StreamView
from vad_edge.video.frame import Frame


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything known about one camera when one frame of its source has been dealt with.

    scored is None for a frame the resampler skipped; risk and level then hold their last value. risk is None
    until something has been fused. counters holds running totals (``frames``, ``scored``, ``dropped``, ...).
    """

    camera: str
    frame: Frame
    scored: ScoredFrame | None
    risk: Risk | None
    level: Level
    sensors: Sequence[StreamView]
    counters: Mapping[str, int]


class RunObserver(Protocol):
    """Someone who watches a run: a table on the terminal, a file, a picture."""

    def on_moment(self, moment: Moment) -> None:
        """One source frame has been dealt with. Must not keep the frame's image without copying it."""
        ...

    def on_event(self, event: Event) -> None:
        """The warning level of a camera changed; the event is already in the store."""
        ...

    def on_health(self, event: HealthEvent) -> None:
        """A condition of the device, a camera or a sensor began or ended."""
        ...

    def close(self) -> None:
        """The run is over; finish files."""
        ...
