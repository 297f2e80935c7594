"""What is wrong with the cameras, sensors and broker of a run, as conditions on the health board."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from vad_edge.bundle.manifest import Manifest
from vad_edge.clock import LiveClock
from vad_edge.health.board import HealthEvent
from vad_edge.health.conditions import Condition
from vad_edge.health.vitals import Vitals
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.component import Component
from vad_edge.runtime.context import RunContext
from vad_edge.runtime.overload import SUBJECT
from vad_edge.runtime.profile import left_out
from vad_edge.sensors.hub import SensorHub
from vad_edge.video.frame import SHAPE_FIX, shape_fault
from vad_edge.video.source import SourceInfo
from vad_edge.video.validity import Reason, Validity

LOOK_EVERY_S = 0.5
TELL_EVERY_S = 30.0
"""Without anything new, health says so often how the machine is."""
PASSING_S = 1.0
"""A picture that is not well for less than this is no condition: a person stood before the camera."""
CLOCK_TOLD_S = 600.0
"""So long it is said that the wall clock was set."""
CHANGES_KEPT = 1000
SLOW_SHARE = 0.9
"""A source that gives less than this share of the model's frame rate makes motion look faster than it is."""

FRAME_CONDITIONS: Mapping[Reason, Condition] = {
    "black": Condition.FRAME_BLACK,
    "frozen": Condition.FRAME_FROZEN,
    "covered": Condition.FRAME_COVERED,
    "defocused": Condition.FRAME_DEFOCUSED,
    "moved": Condition.FRAME_MOVED,
    "exposure": Condition.FRAME_EXPOSURE,
}
"""Of the reasons for which a picture is not scored; the others only reset the model."""


class ConditionMonitor(Component):
    """Looks at the parts of a run now and then, and keeps the health board true."""

    def __init__(
        self,
        context: RunContext,
        cameras: Sequence[Camera],
        hub: SensorHub,
        vitals: Callable[[], Vitals | None],
        manifest: Manifest | None = None,
    ) -> None:
        self._context, self._health = context, context.health
        self._set = context.health.set_condition
        self._cameras = {camera.name: camera for camera in cameras}
        self._hub, self._vitals, self._manifest = hub, vitals, manifest
        self._last_s = self._told_s = -math.inf
        self._clock_set_s = -math.inf
        self._sensor_faults: set[tuple[Condition, str]] = set()
        self._invalid: dict[str, tuple[Reason, float]] = {}
        self._changes: deque[HealthEvent] = deque(maxlen=CHANGES_KEPT)

    def on_frame(self, result: FrameResult) -> None:
        """Note what the pipeline made of a frame."""
        camera, scored = self._cameras[result.camera], result.scored
        if scored is None:
            return
        self._look_at_picture(camera, scored.validity, scored.frame.time_s)
        if camera.drift is not None and scored.surprise is not None:
            camera.drift.see(scored.frame.time_s, scored.surprise.total)
        finite = scored.scores is not None or not scored.validity.ok
        self._set(Condition.MODEL_NOT_FINITE, camera.name, not finite, "the model gave no finite score")
        if not finite:
            self._health.count(Condition.MODEL_NOT_FINITE.value)

    def on_tick(self, now: float) -> None:
        """Check cameras, sensors and broker, and publish what began or ended."""
        self._look(now)

    def close(self) -> None:
        """Look and publish for the last time."""
        self._look(self._context.now(), last=True)

    def changes(self) -> list[HealthEvent]:
        """The conditions that began or ended since the last call, in order."""
        return [self._changes.popleft() for _ in range(len(self._changes))]

    def _look(self, time_s: float, *, last: bool = False) -> None:
        now = time.monotonic()
        if last or now - self._last_s >= LOOK_EVERY_S:
            self._last_s = now
            for camera in self._cameras.values():
                self._look_at_camera(camera)
                self._look_at_budget(camera, time_s)
                drift = camera.drift.found if camera.drift is not None else None
                self._set(
                    Condition.CALIBRATION_DRIFTED,
                    camera.name,
                    drift is not None,
                    str(drift),
                    **({} if drift is None else asdict(drift)),
                )
                silent = left_out(camera.weights, self._hub.streams_for(camera.name), camera.fps)
                self._set(Condition.SENSORS_UNCALIBRATED, camera.name, bool(silent), silent)
            self._look_at_sensors(time_s)
            self._look_at_clock(time_s)
            vitals = self._vitals()
            if vitals is not None:
                self._health.describe(vitals.to_dict())
        changes = self._health.drain()
        self._changes.extend(changes)
        due = now - self._told_s >= TELL_EVERY_S and self._vitals() is not None
        if changes or last or due:
            self._told_s = now
            snapshot = self._health.snapshot()
            for camera in self._cameras.values():
                if camera.publisher is not None:
                    camera.publisher.publish_health(snapshot)

    def _look_at_camera(self, camera: Camera) -> None:
        reader = camera.reader
        if reader is not None:
            self._set(Condition.CAMERA_LOST, camera.name, bool(camera.lost), camera.lost)
            self._set(
                Condition.SOURCE_TRUNCATED, camera.name, reader.truncated is not None, reader.truncated or ""
            )
            claimed = reader.info.fps if reader.info is not None else None
            fps = reader.fps or claimed
            slow = fps is not None and fps < SLOW_SHARE * camera.fps
            self._set(
                Condition.SLOW_SOURCE,
                camera.name,
                slow,
                f"the source gives {fps or 0:.3g} frames a second, the model expects {camera.fps:g}",
                fps=fps or 0.0,
                model_fps=camera.fps,
            )
            if reader.info is not None:
                self._look_at_shape(camera, reader.info)
        if camera.publisher is not None:
            client = camera.publisher.client
            lost = not client.connected and bool(client.last_error)
            self._set(Condition.BROKER_UNREACHABLE, camera.name, lost, client.last_error)
            refused = "; ".join(sorted(map(str, client.refused.values())))
            self._set(Condition.BROKER_REFUSES, camera.name, bool(refused), refused)

    def _look_at_shape(self, camera: Camera, source: SourceInfo) -> None:
        model = self._manifest
        if model is not None:
            fault = shape_fault(source.width, source.height, model.width, model.height)
            self._set(
                Condition.SQUEEZED_SOURCE,
                camera.name,
                bool(fault),
                f"{fault}; {SHAPE_FIX}",
                width=source.width,
                height=source.height,
                model_width=model.width,
                model_height=model.height,
            )

    def _look_at_budget(self, camera: Camera, time_s: float) -> None:
        limiter = camera.limiter
        if limiter is not None:
            self._set(
                Condition.CALIBRATION_BROKEN,
                camera.name,
                limiter.flooded(time_s),
                f"more than {limiter.limit} alarms in {limiter.window_s / 3600.0:g} h: new ones are stored"
                " and not published; look what changed, and calibrate the camera again",
                limit=limiter.limit,
                hours=limiter.window_s / 3600.0,
            )

    def _look_at_sensors(self, time_s: float) -> None:
        found = self._hub.faults(time_s)
        for fault in found:
            self._health.raise_condition(fault.code, fault.stream, fault.message, **fault.params)
        now = {(fault.code, fault.stream) for fault in found}
        for code, stream in self._sensor_faults - now:
            self._health.clear_condition(code, stream)
        self._sensor_faults = now

    def _look_at_clock(self, time_s: float) -> None:
        """Follow the wall clock where it was set, and say so for a while."""
        clock = self._context.clock
        set_s = clock.follow() if isinstance(clock, LiveClock) else 0.0
        if set_s:
            self._clock_set_s = time_s
            way = "forward" if set_s > 0 else "back"
            text = (
                f"the clock was set {way} by {abs(set_s):,.1f} s: time stamps from before are off by as much"
            )
            self._health.raise_condition(Condition.CLOCK_SET, SUBJECT, text, seconds=set_s)
        elif time_s - self._clock_set_s >= CLOCK_TOLD_S:
            self._health.clear_condition(Condition.CLOCK_SET, SUBJECT)

    def _look_at_picture(self, camera: Camera, validity: Validity, time_s: float) -> None:
        """Raise what stays wrong with a picture; what passes, as jumps of exposure do, is counted alone."""
        reason: Reason = "" if validity.ok else validity.reason
        before, since_s = self._invalid.get(camera.name, ("", time_s))
        if validity.reason:
            self._health.count(f"frames_{validity.reason}")
        if validity.reason == "new_view":
            text = "the camera looks at another view than it did: calibrate it again"
            self._health.raise_condition(Condition.VIEW_CHANGED, camera.name, text)
        if reason != before:
            if before:
                self._health.clear_condition(FRAME_CONDITIONS[before], camera.name)
            since_s = time_s
        self._invalid[camera.name] = (reason, since_s)
        if reason and (reason in ("black", "frozen") or time_s - since_s >= PASSING_S):
            code = FRAME_CONDITIONS[reason]
            self._health.raise_condition(code, camera.name, validity.detail, **validity.figures)
