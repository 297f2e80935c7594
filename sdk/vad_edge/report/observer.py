"""What a run tells whoever watches it: one result a frame, and the events and conditions between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vad_edge.events.event import Event
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level
from vad_edge.health.conditions import HealthEvent
from vad_edge.pipeline import ScoredFrame
from vad_edge.sensors.hub import StreamView
from vad_edge.video.frame import Frame


@dataclass(frozen=True, slots=True)
class FrameResult:
    """Everything known about one camera when one frame of its source has been dealt with.

    frame has the privacy masks burned in. scored is None for a frame the resampler skipped; risk and level
    then hold their last value. risk is None until something has been fused. events are those that this frame
    brought. counters holds running totals (``frames``, ``scored``, ``dropped``, ...).
    """

    camera: str
    frame: Frame
    scored: ScoredFrame | None
    risk: Risk | None
    level: Level
    sensors: Sequence[StreamView]
    counters: Mapping[str, int]
    events: tuple[Event, ...] = ()

    @property
    def heat(self) -> NDArray[np.float32] | None:
        """The error map (h, w), once the model has seen enough for it to mean anything."""
        return self.scored.error_map if self.scored is not None and self.scored.warm else None


class Observer:
    """Someone who watches a run: a table on the terminal, a file, a picture. All methods do nothing here."""

    def on_frame(self, result: FrameResult) -> None:
        """One source frame has been dealt with. Must not change the frame's image."""

    def on_event(self, event: Event) -> None:
        """The warning level of a camera changed; the event is already in the store."""

    def on_condition(self, change: HealthEvent) -> None:
        """A condition of the device, a camera or a sensor began or ended."""

    def close(self) -> None:
        """The run is over; finish files."""
