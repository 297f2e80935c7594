"""The evidence of one camera: its last seconds, and the clips under way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vad_edge.config.site import EvidenceConfig, Keeping
from vad_edge.events.event import Event
from vad_edge.evidence.clips import Still, cut_recording, write_film
from vad_edge.evidence.images import blurred, heat_map, jpeg
from vad_edge.evidence.ring import Ring
from vad_edge.evidence.stream_copy import PacketTape, StreamCopy
from vad_edge.video.frame import Frame
from vad_edge.video.rate import FrameRateGate

RING_FPS = 10.0
RING_BYTES = 24 << 20
MAX_GAP_S = 2.0
PICTURES_KEPT = 20
"""Pictures and heat maps of one incident: a level that flutters must not fill the disk."""


class Tape(Protocol):
    """The clip of one incident while it is made; suffix is its file's."""

    @property
    def suffix(self) -> str:
        """Dot and all."""
        ...

    def write(self, path: Path, end_s: float, deadline_s: float) -> None:
        """Write the clip up to end_s of the run clock; give up early at deadline_s of the monotonic one."""
        ...


class PictureTape:
    """A clip out of the pictures of the run."""

    suffix = ".webm"

    def __init__(self, stills: Sequence[Still]) -> None:
        self.stills = list(stills)

    def write(self, path: Path, end_s: float, deadline_s: float) -> None:
        """Encode it."""
        write_film(path, [still for still in self.stills if still.time_s <= end_s], deadline_s)


@dataclass(frozen=True, slots=True)
class Cutter:
    """A recording, and the program that cuts it. Its video begins late_s after the file's own beginning."""

    program: str
    source: Path
    late_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CutTape:
    """A clip that is cut out of a recording, whose own packets are the ring."""

    cutter: Cutter
    start_s: float
    suffix: str = ".mp4"

    def write(self, path: Path, end_s: float, deadline_s: float) -> None:
        """Copy it."""
        cut, late_s = self.cutter, self.cutter.late_s
        cut_recording(cut.program, cut.source, self.start_s + late_s, end_s + late_s, path)


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of evidence that is still in memory."""

    kind: str
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a ring keeps of a frame: no raw picture."""

    jpeg: bytes | None
    error_map: NDArray[np.float32] | None
    width: int
    height: int


@dataclass
class Plan:
    """An incident whose last evidence is still to come."""

    incident: str
    camera: str
    end_s: float
    tape: Tape | None
    pictures: int = 0


class CameraEvidence:
    """Takes the frames of one camera, and answers the threads that deal with its events.

    clips says where clips come from: the stream's packets, the recording, the pictures (True), or nowhere.
    """

    def __init__(
        self,
        name: str,
        keeping: Keeping,
        settings: EvidenceConfig,
        clips: StreamCopy | Cutter | bool,
    ) -> None:
        self.name = name
        self._keeping = keeping
        self._settings = settings
        self._clips = clips if settings.max_clip_s > 0 else False
        self._gate = FrameRateGate(RING_FPS, MAX_GAP_S)
        self._ring: Ring[_Seen] = Ring(max(settings.before_s, 1.0), RING_BYTES)
        self._seen_s = float("-inf")
        self._changed = threading.Condition()
        self._plans: dict[str, Plan] = {}

    @property
    def encodes(self) -> bool:
        """Whether pictures are kept, so that `take` needs a thread of its own; else it is done at once."""
        return self._keeping in ("blurred", "full")

    def admits(self, time_s: float) -> bool:
        """Whether the next frame is one of the `RING_FPS` a second that are noted."""
        return self._gate.admit(time_s).take

    def take(self, frame: Frame, error_map: NDArray[np.float32] | None) -> None:
        """Note a frame whose masks are burned in, if it was admitted."""
        height, width = frame.image.shape[:2]
        seen = _Seen(self._encoded(frame), error_map, width, height)
        with self._changed:
            self._ring.append(frame.time_s, seen, len(seen.jpeg or b"") + 1024)
            if seen.jpeg is not None:
                for plan in self._plans.values():
                    if isinstance(plan.tape, PictureTape):
                        plan.tape.stills.append(Still(frame.time_s, seen.jpeg))
            self._seen_s = frame.time_s
            self._changed.notify_all()

    def pictures(self, event: Event, wait_s: float) -> list[Picture]:
        """What can be kept at the moment of an event; waits for its frame, but not longer than wait_s."""
        if event.kind not in ("opened", "raised"):
            return []
        with self._changed:
            # Half a period of the ring: the frame of the event itself may be one that the ring leaves out.
            self._changed.wait_for(lambda: self._seen_s >= event.time_s - 0.5 / RING_FPS, wait_s)
            plan = self._plans.get(event.incident)
            at = self._ring.nearest(event.time_s)
            oldest = self._ring.nearest(event.time_s - self._settings.before_s)
        if at is None or (plan is not None and plan.pictures >= PICTURES_KEPT):
            return []
        if plan is not None:
            plan.pictures += 1
        found = []
        if event.kind == "opened" and oldest is not None and oldest is not at and oldest.item.jpeg:
            found.append(Picture("before", "before.jpg", oldest.item.jpeg))
        if at.item.jpeg is not None:
            found.append(Picture("picture", f"picture-{event.id}.jpg", at.item.jpeg))
        if at.item.error_map is not None:
            heat = heat_map(at.item.error_map, at.item.width, at.item.height)
            found.append(Picture("heatmap", f"heatmap-{event.id}.png", heat))
        return found

    def follow(self, event: Event) -> None:
        """Begin or end the clip of an event's incident."""
        settings = self._settings
        with self._changed:
            if event.kind == "opened" and event.incident not in self._plans:
                end_s = event.time_s - settings.before_s + settings.max_clip_s
                self._plans[event.incident] = Plan(
                    event.incident, self.name, end_s, self._begin(event.time_s - settings.before_s)
                )
            plan = self._plans.get(event.incident)
            if plan is not None and event.kind == "cleared":
                plan.end_s = min(plan.end_s, event.time_s + settings.after_s)

    def due(self, now_s: float) -> list[tuple[Plan, Picture | None]]:
        """The incidents whose evidence ends by `now_s`, each with its last picture."""
        with self._changed:
            over = [plan for plan in self._plans.values() if now_s >= plan.end_s]
            for plan in over:
                del self._plans[plan.incident]
                if isinstance(self._clips, StreamCopy) and isinstance(plan.tape, PacketTape):
                    self._clips.end(plan.tape)
                if isinstance(plan.tape, PictureTape) and not plan.tape.stills:
                    plan.tape = None
            last = self._ring.newest()
        after = None if last is None or last.item.jpeg is None else last.item.jpeg
        return [(plan, None if after is None else Picture("after", "after.jpg", after)) for plan in over]

    def _begin(self, start_s: float) -> Tape | None:
        if isinstance(self._clips, StreamCopy):
            return self._clips.begin(start_s)
        if isinstance(self._clips, Cutter):
            return CutTape(self._clips, start_s)
        if not self._clips:
            return None
        entries = self._ring.since(start_s)
        return PictureTape([Still(e.time_s, e.item.jpeg) for e in entries if e.item.jpeg is not None])

    def _encoded(self, frame: Frame) -> bytes | None:
        if self._keeping == "full":
            return jpeg(frame.image)
        return jpeg(blurred(frame.image)) if self._keeping == "blurred" else None
