"""One camera of a run: its reader, its risk, its level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vad_edge.config.site import CameraConfig
from vad_edge.events.announce import event_from_change, event_from_tamper
from vad_edge.events.event import Event
from vad_edge.evidence.images import PrivacyMasks
from vad_edge.fusion.accumulate import Accumulator
from vad_edge.fusion.flood import FloodLimiter
from vad_edge.fusion.fuse import STREAM_FLOOR, Fuser, Risk, excess
from vad_edge.fusion.machine import LevelChange, WarningMachine
from vad_edge.fusion.policy import Standing
from vad_edge.fusion.tamper import TamperWatch
from vad_edge.mqtt.publisher import CameraPublisher
from vad_edge.pipeline import ScoredFrame
from vad_edge.runtime.arming import Guard
from vad_edge.runtime.profile import Pace
from vad_edge.scoring.drift import DriftWatch
from vad_edge.scoring.regions import Region, RegionTracker
from vad_edge.sensors.stream import SensorSurprise
from vad_edge.video.frame import Frame
from vad_edge.video.rate import Admission, FrameRateGate
from vad_edge.video.reader import Reader
from vad_edge.video.validity import Validity

ALWAYS = Guard(True, "schedule")


@dataclass
class Station:
    """Everything a run holds for one camera; reader and gate are None where there are only sensors.

    footage_frames is how many frames of normal footage the camera is calibrated on, or how many stretches of
    block_s where its surprises count those. While it is not armed, risk is computed and shown, and there are
    no events; nor while a gate is closed (gated). drift compares its surprises with the calibration's.
    governor watches over the alarm budget, where there is one; rolled_up says whether the last event is to be
    kept from being told. weights are those of the streams that an alarm budget was calibrated with, None
    where there is no such budget; standing says which of them count, and at which levels; gatherer is None
    where evidence is not gathered. time_synced says whether the wall times given to it are true now.
    """

    config: CameraConfig
    fuser: Fuser
    machine: WarningMachine
    reader: Reader | None = None
    gate: FrameRateGate | None = None
    full: Pace | None = None
    slow: Pace | None = None
    fps: float = 0.0
    shed: bool = False
    footage_frames: int = 0
    guard: Guard = ALWAYS
    gated: bool = False
    weights: Mapping[str, float] | None = None
    standing: Standing | None = None
    gatherer: Accumulator | None = None
    block_s: float = 0.0
    governor: FloodLimiter | None = None
    drift: DriftWatch | None = None
    rolled_up: bool = False
    publisher: CameraPublisher | None = None
    time_synced: Callable[[], bool | None] = lambda: None
    risk: Risk | None = None
    last_frame_s: float = 0.0
    last_update_s: float = 0.0
    since_s: float | None = None
    counts: Counter[str] = field(default_factory=Counter)
    regions: RegionTracker = field(default_factory=RegionTracker)
    masks: PrivacyMasks = field(init=False)
    tamper: TamperWatch = field(init=False)

    def __post_init__(self) -> None:
        self.tamper = TamperWatch(self.config.tamper)
        self.masks = PrivacyMasks(self.config.privacy_masks)

    @property
    def name(self) -> str:
        """The camera's name."""
        return self.config.name

    @property
    def armed(self) -> bool:
        """Whether what happens before the camera makes events."""
        return self.guard.armed

    @property
    def eventful(self) -> bool:
        """Whether an incident or a tamper is under way: nothing is learned from what is seen meanwhile."""
        return self.machine.incident is not None or self.tamper.incident is not None

    @property
    def ended(self) -> bool:
        """Whether a recording is over."""
        return self.reader is not None and self.reader.ended

    def run_at(self, pace: Pace) -> None:
        """Take frames at this pace's rate, and warn at its levels, with the streams they were set with."""
        self.fps, self.gate = pace.fps, FrameRateGate(pace.fps, pace.max_gap_s)
        self.footage_frames, self.block_s, self.drift = pace.footage_frames, pace.block_s, pace.drift
        if pace.policy != self.config.policy:
            self.config = self.config.model_copy(update={"policy": pace.policy})
            self.fuser = Fuser(pace.policy.smoothing_s)
            self.machine.follow(pace.policy)
        self.governor = None if pace.alarms_per_hour is None else FloodLimiter(pace.alarms_per_hour)
        self.weights = pace.weights
        self.gatherer = None if pace.gathering is None else Accumulator(pace.gathering)
        self.standing = None if pace.weights is None else Standing(pace.streams, pace.policy, pace.partial)

    def rest(self, shed: bool) -> None:
        """Stop watching the camera, or begin again; its source is let go of meanwhile."""
        self.shed = shed
        if self.reader is not None:
            self.reader.rest(shed)

    def lose_slow(self) -> None:
        """Go on at the full rate for good: there is an engine now that the slow pace was not made for."""
        slowed, self.slow = self.slow is not None and self.fps == self.slow.fps, None
        if slowed and self.full is not None:
            self.run_at(self.full)

    def admit(self, frame: Frame) -> Admission:
        """Whether the model sees this frame."""
        self.last_frame_s = frame.time_s
        self.counts["frames"] += 1
        admission = self.gate.admit(frame.time_s) if self.gate is not None else Admission(take=True)
        if not admission.take:
            self.counts["skipped"] += 1
        return admission

    def shown(self, frame: Frame) -> Frame:
        """The frame as anyone but the model may see it."""
        return replace(frame, image=self.masks.burn(frame.image)) if self.masks else frame

    def counted(self, said: Sequence[SensorSurprise], time_s: float) -> list[tuple[SensorSurprise, float]]:
        """What the streams that can be believed add under an alarm budget; the levels follow who they are."""
        weights = self.weights or {}
        counting: Collection[str] = weights.keys()
        if self.standing is not None:
            believed = [stream.stream for stream in said if stream.stream in weights]
            policy, counting = self.standing.update(believed, time_s)
            if policy is not self.config.policy and policy != self.config.policy:
                self.config = self.config.model_copy(update={"policy": policy})
                self.machine.follow(policy)
        return [
            (SensorSurprise(stream.stream, excess(stream.surprise), stream.time_s), weights[stream.stream])
            for stream in said
            if stream.surprise > STREAM_FLOOR and stream.stream in counting
        ]

    def decide(
        self,
        time_s: float,
        scored: ScoredFrame | None,
        evidence: Sequence[tuple[SensorSurprise, float]],
        *,
        gated: bool = False,
        site: str,
        wall: Callable[[float], datetime],
    ) -> Event | None:
        """Fuse what is known at `time_s` into the risk; the event, if the level changes or a gate closes."""
        self.last_update_s = time_s
        surprise = scored.surprise if scored is not None else None
        if scored is not None:
            self.regions.see(time_s, scored.error_map if scored.warm else None)
        self.risk = self.fuser.update(time_s, surprise, evidence)
        if self.gatherer is not None:
            self.risk = self.gatherer.update(self.risk)
        closes, self.gated = gated and not self.gated, gated
        if closes:
            change = self.machine.stand_down(time_s)
        else:
            change = self.machine.update(self.risk) if self.armed and not gated else None
        return None if change is None else self._event(change, self.risk, scored, site, wall)

    def look_for_tamper(
        self, time_s: float, validity: Validity, *, site: str, wall: Callable[[float], datetime]
    ) -> Event | None:
        """The event, if somebody covers or turns the camera or lets it see again.

        Armed or not, but not in maintenance: then somebody is meant to be at the camera.
        """
        maintained = self.guard.by == "maintenance"
        change = self.tamper.stand_down(time_s) if maintained else self.tamper.update(time_s, validity)
        if change is None:
            return None
        return event_from_tamper(
            change, self.risk, site=site, camera=self.name, wall=wall, time_synced=self.time_synced()
        )

    def arm(
        self, guard: Guard, time_s: float, *, site: str, wall: Callable[[float], datetime]
    ) -> Event | None:
        """Arm or disarm; the event that clears the incident under way, if disarming cuts one off."""
        self.guard = guard
        change = None if guard.armed else self.machine.stand_down(time_s)
        if change is None or self.risk is None:
            return None
        return self._event(change, self.risk, None, site, wall)

    def _event(
        self,
        change: LevelChange,
        risk: Risk,
        scored: ScoredFrame | None,
        site: str,
        wall: Callable[[float], datetime],
    ) -> Event:
        self.rolled_up = self.governor is not None and self.governor.rolls_up(change)
        self.since_s = None if change.kind == "cleared" else change.since_s
        return event_from_change(
            change,
            risk,
            scored.surprise if scored is not None else None,
            site=site,
            camera=self.name,
            wall=wall,
            footage_frames=self.footage_frames,
            block_s=self.block_s,
            regions=self._regions(change, scored),
            time_synced=self.time_synced(),
        )

    def _regions(self, change: LevelChange, scored: ScoredFrame | None) -> Sequence[Region]:
        if change.kind == "cleared":
            self.regions.forget()
            return ()
        if scored is None or scored.error_map is None:
            return ()
        height, width = scored.frame.image.shape[:2]
        return self.regions.regions(width, height)

    def publish(self, wall: Callable[[float], datetime], *, level_changed: bool) -> None:
        """Tell the broker, if there is one; never waits for it."""
        if self.publisher is None or self.risk is None:
            return
        self.publisher.publish_risk(self.risk.value)
        if level_changed and not self.rolled_up:
            self.publish_state(wall)

    def publish_state(self, wall: Callable[[float], datetime]) -> None:
        """Publish the level as it stands, retained."""
        if self.publisher is not None:
            self.publisher.publish_state(
                self.machine.level,
                risk=0.0 if self.risk is None else self.risk.value,
                time=wall(self.last_update_s),
                since=None if self.since_s is None else wall(self.since_s),
                incident=self.machine.incident,
                armed=self.armed,
                tamper=self.tamper.reason or None,
                armed_by=self.guard.by,
                maintenance_until=self.guard.until,
            )
