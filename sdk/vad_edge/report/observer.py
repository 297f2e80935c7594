"""What a run tells whoever watches it: one result a frame, and the events and conditions between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vad_edge.events.event import Event
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level
from vad_edge.health.board import HealthEvent
from vad_edge.pipeline import ScoredFrame
from vad_edge.sensors.hub import StreamView
from vad_edge.video.frame import Frame


@dataclass(frozen=True, slots=True)
class FrameResult:
    """Everything known about one camera when one frame of its source has been dealt with.

    frame has the privacy masks burned in. scored is None for a frame the resampler skipped; fused and level
    then hold their last value. fused is the risk with its parts, None until something has been fused. events
    are those that this frame brought. counters holds running totals (``frames``, ``dropped``, ...). Public as
    `vad_edge.Frame`.
    """

    camera: str
    frame: Frame
    scored: ScoredFrame | None
    fused: Risk | None
    level: Level
    sensors: Sequence[StreamView] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    @property
    def index(self) -> int:
        """The number of the frame in its source, from 0."""
        return self.frame.index

    @property
    def time_s(self) -> float:
        """Seconds on the run clock: media time for recordings."""
        return self.frame.time_s

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture, (H, W, 3) BGR; it must not be changed."""
        return self.frame.image

    @property
    def scores(self) -> Mapping[str, float] | None:
        """The raw score of each cue, higher is more anomalous; None while the model warms up and for frames
        that it does not see or cannot judge.
        """
        return self.scored.scores if self.scored is not None and self.scored.warm else None

    @property
    def surprise(self) -> float | None:
        """How rare the scores are, -log10 of a chance; None where there are no scores or no calibration."""
        surprise = None if self.scored is None else self.scored.surprise
        return None if surprise is None else surprise.total

    @property
    def risk(self) -> float | None:
        """The fused suspicion of video and sensors, on the scale of a surprise; None until there is one."""
        return None if self.fused is None else self.fused.value

    @property
    def invalid(self) -> str:
        """Why the picture could not be judged (``black``, ``frozen``, ...); empty for a valid one."""
        return "" if self.scored is None or self.scored.validity.ok else self.scored.validity.reason

    @property
    def heat(self) -> NDArray[np.float32] | None:
        """The error map (h, w), once the model has seen enough for it to mean anything."""
        return self.scored.error_map if self.scored is not None and self.scored.warm else None


class Observer:
    """Someone who watches a run: a table on the terminal, a file, a picture. All methods do nothing here.

    They are called on the thread of the run, for every frame and in order, and hold the run up while they
    work. `problem` says what is wrong with the observer itself, in words; while it is not empty the run shows
    it as a condition, of `name` where that is given and else of the class. `remark` is what the
    summary says of the observer in the end and does not count as a failure, as what there was no time for.
    """

    name = ""
    problem = ""
    remark = ""

    def begin(self, *, live: bool) -> None:
        """The run begins; a recording (live is false) waits for whoever is slow, a camera does not."""

    def on_frame(self, frame: FrameResult) -> None:
        """One source frame has been dealt with. Its image must not be changed."""

    def on_event(self, event: Event) -> None:
        """The warning level of a camera changed; the event is already in the store."""

    def on_condition(self, change: HealthEvent) -> None:
        """A condition of the device, a camera or a sensor began or ended."""

    def close(self) -> None:
        """The run is over; finish files."""
