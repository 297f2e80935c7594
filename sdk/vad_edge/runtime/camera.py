"""One camera of a run: its reader, its risk, its level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from vad_edge.config.site import CameraConfig
from vad_edge.events.announce import event_from_change, event_from_tamper
from vad_edge.events.event import Ending, Event
from vad_edge.evidence.images import PrivacyMasks
from vad_edge.fusion.accumulate import Accumulator
from vad_edge.fusion.flood import FloodLimiter
from vad_edge.fusion.fuse import STREAM_FLOOR, Fuser, Risk, excess
from vad_edge.fusion.machine import LevelChange, WarningMachine
from vad_edge.fusion.policy import Standing
from vad_edge.fusion.sight import Hold, Presence
from vad_edge.fusion.tamper import TamperChange, TamperWatch
from vad_edge.mqtt.publisher import CameraPublisher, RunsOn
from vad_edge.pipeline import ScoredFrame
from vad_edge.runtime.arming import Guard
from vad_edge.runtime.context import RunContext
from vad_edge.runtime.profile import CameraProfile, RateProfile
from vad_edge.scoring.drift import DriftWatch
from vad_edge.scoring.regions import Region, RegionTracker, Zones
from vad_edge.sensors.stream import SensorSurprise
from vad_edge.video.frame import Frame
from vad_edge.video.rate import Admission, FrameRateGate
from vad_edge.video.reader import Reader
from vad_edge.video.validity import Validity

ALWAYS = Guard(True, "schedule")


class Camera:
    """Everything a run holds for one camera; there is no reader and no profile where there are only sensors.

    rate is the part of the profile that is in force, policy the levels. While the camera is not armed, risk
    is computed and shown, and there are no events; nor while a gate is closed (gated). drift compares its
    surprises with the calibration's. limiter watches over the alarm budget, where there is one; rolled_up
    says whether the last event is kept from being published. weights are those of the streams that an alarm
    budget was calibrated with, None where there is no such budget. time_synced says whether the wall times
    given to it are true now. counts are running totals of its frames. lost says why a live camera gives no
    frames, empty while it does.
    """

    def __init__(
        self,
        config: CameraConfig,
        context: RunContext,
        *,
        reader: Reader | None = None,
        time_synced: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self.config, self.reader, self.time_synced = config, reader, time_synced
        self._context = context
        self.policy = config.policy
        self.fuser = Fuser(config.policy.smoothing_s)
        self.machine = WarningMachine(config.policy)
        self.profile: CameraProfile | None = None
        self.rate: RateProfile | None = None
        self.weights: Mapping[str, float] | None = None
        self.limiter: FloodLimiter | None = None
        self.drift: DriftWatch | None = None
        self.rolled_up = False
        self.shed = False
        self.guard = ALWAYS
        self.gated = False
        self.publisher: CameraPublisher | None = None
        self.risk: Risk | None = None
        self.last_frame_s = self.last_update_s = 0.0
        self.counts: Counter[str] = Counter()
        self.regions = RegionTracker()
        self.masks = PrivacyMasks(config.privacy_masks)
        self.tamper = TamperWatch(config.tamper)
        self.lost = ""
        self._hold = Hold(config.hold_s)
        self._presence = Presence()
        self._since_s: float | None = None
        self._sequence = 0
        self._gate: FrameRateGate | None = None
        self._standing: Standing | None = None
        self._accumulator: Accumulator | None = None
        self._drifts: dict[RateProfile, DriftWatch] = {}

    @property
    def name(self) -> str:
        """The camera's name."""
        return self.config.name

    @property
    def fps(self) -> float:
        """The frame rate that the model sees now; 0 without a profile."""
        return 0.0 if self.rate is None else self.rate.fps

    @property
    def armed(self) -> bool:
        """Whether what happens before the camera makes events."""
        return self.guard.armed

    @property
    def slowed(self) -> bool:
        """Whether the camera is at its profile's lower rate."""
        return self.rate is not None and self.profile is not None and self.rate is self.profile.slow

    @property
    def eventful(self) -> bool:
        """Whether an incident or a tamper is under way: nothing is learned from what is seen meanwhile."""
        return self.machine.incident is not None or self.tamper.incident is not None

    @property
    def ended(self) -> bool:
        """Whether a recording is over."""
        return self.reader is not None and self.reader.ended

    def show_zones(self, height: int, width: int) -> None:
        """Name the zones of the site file in events; height and width are those of the error map."""
        zones = {zone.name: zone.polygon for zone in self.config.zone}
        if zones:
            self.regions = RegionTracker(Zones(zones, height, width))

    def use(self, profile: CameraProfile) -> None:
        """Swap the whole profile; a camera that is slowed stays so, if the new one has a lower rate."""
        slowed = self.slowed and profile.slow is not None
        self.profile = profile
        self._drifts.clear()
        self._run_at(profile.slow if slowed and profile.slow is not None else profile.full)

    def slow_down(self) -> RateProfile | None:
        """Go on at the profile's lower rate; None where it has none."""
        slow = None if self.profile is None else self.profile.slow
        if slow is not None:
            self._run_at(slow)
        return slow

    def speed_up(self) -> RateProfile | None:
        """Go on at the profile's full rate; None without a profile."""
        full = None if self.profile is None else self.profile.full
        if full is not None:
            self._run_at(full)
        return full

    def _run_at(self, rate: RateProfile) -> None:
        """Take frames at this rate, and warn at its levels, with the streams they were set with."""
        self.rate, self._gate = rate, FrameRateGate(rate.fps, rate.max_gap_s)
        if rate.block_s > 0:
            self.drift = self._drifts.setdefault(rate, DriftWatch(rate.block_s))
        else:
            self.drift = None
        if rate.policy != self.policy:
            self.policy = rate.policy
            self.fuser = Fuser(rate.policy.smoothing_s)
            self.machine.follow(rate.policy)
        if rate.alarms_per_hour is None:
            self.limiter = None
        elif self.limiter is None or self.limiter.alarms_per_hour != rate.alarms_per_hour:
            self.limiter = FloodLimiter(rate.alarms_per_hour)
        self.weights = rate.weights
        self._accumulator = None if rate.accumulation is None else Accumulator(rate.accumulation)
        budgeted = rate.weights is not None and rate.streams is not None
        self._standing = Standing(rate.streams or (), rate.policy, rate.partial) if budgeted else None

    def rest(self, shed: bool) -> None:
        """Stop watching the camera, or begin again; its source is let go of meanwhile."""
        self.shed = shed
        if self.reader is not None:
            self.reader.rest(shed)

    def admit(self, frame: Frame) -> Admission:
        """Whether the model sees this frame."""
        self.last_frame_s = frame.time_s
        self.counts["frames"] += 1
        admission = self._gate.admit(frame.time_s) if self._gate is not None else Admission(take=True)
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
        if self._standing is not None:
            believed = [stream.stream for stream in said if stream.stream in weights]
            policy, counting = self._standing.update(believed, time_s)
            if policy is not self.policy and policy != self.policy:
                self.policy = policy
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
    ) -> Event | None:
        """Fuse what is known at `time_s` into the risk; the event, if the level changes or a gate closes."""
        self.last_update_s = time_s
        surprise = scored.surprise if scored is not None else None
        if scored is not None:
            self.regions.see(time_s, scored.error_map if scored.warm else None)
        self.risk = self.fuser.update(time_s, surprise, evidence)
        if self._accumulator is not None:
            self.risk = self._accumulator.update(self.risk)
        closes, self.gated = gated and not self.gated, gated
        change: LevelChange | None = None
        ending: Ending = "calm"
        if closes:
            change, ending = self.machine.stand_down(time_s), "gate_closed"
        elif self.armed and not gated:
            change, ending = self._judge(self.risk, blind=self.rate is not None and surprise is None)
        return None if change is None else self._event(change, self.risk, scored, ending)

    def _judge(self, risk: Risk, *, blind: bool) -> tuple[LevelChange | None, Ending]:
        """The change that a risk brings, and why the incident ends, if it does."""
        if not blind:
            change = self.machine.update(risk)
            self._hold.see(risk.time_s, self.machine.incident)
            return change, "calm"
        holding = self._hold.judge(risk.time_s, self.machine.incident)
        if holding == "lost":
            return self.machine.stand_down(risk.time_s), "camera_lost"
        if holding == "acknowledged":
            return self.machine.stand_down(risk.time_s), "acknowledged"
        return self.machine.update(risk, held=holding == "held"), "calm"

    def acknowledge(self, incident: str | None) -> None:
        """A person knows of this incident, or of the newest: a level held without a picture is let go."""
        newest = self.machine.incident
        if newest is not None and incident in (None, newest):
            self._hold.acknowledge(newest)

    def look_for_loss(self, now_s: float) -> Event | None:
        """Follow whether a live camera's frames come; the event, where it is lost in an incident."""
        if self.reader is None or self.shed:
            self._presence.rest()
            self.lost = ""
            return None
        error = self.reader.error
        frame_s = self.reader.last_frame_s
        was_lost = self._presence.lost
        if not self._presence.update(now_s, frame_s, self.fps, failed=error is not None):
            self.lost = ""
            return None
        silent_s = now_s - (frame_s or 0.0)
        self.lost = f"no frame for {silent_s:.0f} s" if error is None else str(error)
        if was_lost or self.machine.incident is None:
            return None
        change = self.tamper.lose(now_s - silent_s, now_s, self.lost)
        return None if change is None else self._tamper_event(change, "")

    def look_for_tamper(self, time_s: float, validity: Validity) -> Event | None:
        """The event, where the camera was covered or turned, or sees again.

        Armed or not, but not in maintenance: then people work at the camera.
        """
        maintained = self.guard.by == "maintenance"
        change = self.tamper.stand_down(time_s) if maintained else self.tamper.update(time_s, validity)
        if change is None:
            return None
        ending: Ending = "" if change.kind == "tampered" else "maintenance" if maintained else "calm"
        return self._tamper_event(change, ending)

    def _tamper_event(self, change: TamperChange, ending: Ending) -> Event:
        return event_from_tamper(
            change,
            self.risk,
            site=self._context.site.site,
            camera=self.name,
            wall=self._context.wall,
            time_synced=self.time_synced(),
            ending=ending,
            fresh_s=self._context.site.broker.fresh_s,
        )

    def arm(self, guard: Guard, time_s: float) -> Event | None:
        """Arm or disarm; the event that clears the incident under way, if disarming cuts one off."""
        self.guard = guard
        change = None if guard.armed else self.machine.stand_down(time_s)
        if change is None or self.risk is None:
            return None
        return self._event(
            change, self.risk, None, "maintenance" if guard.by == "maintenance" else "disarmed"
        )

    def _event(self, change: LevelChange, risk: Risk, scored: ScoredFrame | None, ending: Ending) -> Event:
        self._sequence = 1 if change.kind == "opened" else self._sequence + 1
        self.rolled_up = self.limiter is not None and self.limiter.rolls_up(change)
        self._since_s = None if change.kind == "cleared" else change.since_s
        return event_from_change(
            change,
            risk,
            scored.surprise if scored is not None else None,
            site=self._context.site.site,
            camera=self.name,
            wall=self._context.wall,
            footage_frames=0 if self.rate is None else self.rate.footage_frames,
            block_s=0.0 if self.rate is None else self.rate.block_s,
            regions=self._regions(change, scored),
            time_synced=self.time_synced(),
            sequence=self._sequence,
            ending=ending if change.kind == "cleared" else "",
            fresh_s=self._context.site.broker.fresh_s,
        )

    def _regions(self, change: LevelChange, scored: ScoredFrame | None) -> Sequence[Region]:
        if change.kind == "cleared":
            self.regions.forget()
            return ()
        if scored is None or scored.error_map is None:
            return ()
        height, width = scored.frame.image.shape[:2]
        return self.regions.regions(width, height)

    def state_message(self) -> Callable[[], None] | None:
        """A call that publishes the level as it stands now, retained; None without a broker."""
        if self.publisher is None:
            return None
        wall = self._context.wall
        return partial(
            self.publisher.publish_state,
            self.machine.level,
            risk=0.0 if self.risk is None else self.risk.value,
            time=wall(self.last_update_s),
            since=None if self._since_s is None else wall(self._since_s),
            incident=self.machine.incident,
            armed=self.armed,
            tamper=self.tamper.reason or None,
            armed_by=self.guard.by,
            maintenance_until=self.guard.until,
            runs_on=self._runs_on(),
        )

    def _runs_on(self) -> RunsOn:
        bundle = self._context.bundle
        pack = None if self.profile is None else self.profile.pack
        in_force = pack is not None and pack.in_force
        return RunsOn(
            bundle="" if bundle is None else bundle.manifest.name,
            bundle_sha256=None if bundle is None else bundle.sha256,
            pack_sha256=pack.sha256 if pack is not None and in_force else None,
            promise=pack.kept if pack is not None and in_force else None,
        )
