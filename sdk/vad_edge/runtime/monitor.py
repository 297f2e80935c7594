"""What is wrong with the cameras, sensors and broker of a run, as conditions on the health board."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from vad_edge.clock import LiveClock
from vad_edge.health.conditions import HealthEvent
from vad_edge.health.systemd import ServiceManager
from vad_edge.pipeline import ScoredFrame
from vad_edge.runtime.assembly import Assembly
from vad_edge.runtime.camera import Station
from vad_edge.runtime.overload import SUBJECT
from vad_edge.runtime.profile import left_out
from vad_edge.video.frame import SHAPE_FIX, shape_fault
from vad_edge.video.source import SourceInfo
from vad_edge.video.validity import Reason, Validity

LOOK_EVERY_S = 0.5
TELL_EVERY_S = 30.0
"""Without anything new, health says so often how the machine is."""
PASSING_S = 1.0
"""A picture that is not well for less than this is no condition: somebody stood before the camera."""
CLOCK_TOLD_S = 600.0
"""So long it is said that the wall clock was set."""
SLOW_SHARE = 0.9
"""A source that gives less than this share of the model's frame rate makes motion look faster than it is."""


class HealthWatch:
    """Looks at the parts of a run now and then, and keeps the health board true."""

    def __init__(self, parts: Assembly) -> None:
        self._parts = parts
        self._health = parts.health
        self._last_s = self._told_s = -math.inf
        self._clock_set_s = -math.inf
        self._sensor_faults: set[tuple[str, str]] = set()
        self._invalid: dict[str, tuple[Reason, float]] = {}

    def frame(self, station: Station, scored: ScoredFrame) -> None:
        """Note what the pipeline made of a frame."""
        self._look_at_picture(station, scored.validity, scored.frame.time_s)
        if station.drift is not None and scored.surprise is not None:
            station.drift.see(scored.frame.time_s, scored.surprise.total)
        finite = scored.scores is not None or not scored.validity.ok
        self._set("model_not_finite", station.name, not finite, "the model gave no finite score")
        if not finite:
            self._health.count("model_not_finite")

    def look(self, time_s: float, *, last: bool = False) -> Sequence[HealthEvent]:
        """Check cameras, sensors and broker; the conditions that began or ended since the last call."""
        now = time.monotonic()
        if last or now - self._last_s >= LOOK_EVERY_S:
            self._last_s = now
            for station in self._parts.stations:
                self._look_at_camera(station)
                self._look_at_budget(station, time_s)
                drift = station.drift.found if station.drift is not None else None
                self._set("calibration_drifted", station.name, drift is not None, str(drift))
                streams = self._parts.hub.streams_for(station.name)
                silent = left_out(station.weights, streams, station.fps)
                self._set("sensors_uncalibrated", station.name, bool(silent), silent)
            self._look_at_sensors(time_s)
            self._look_at_clock(time_s)
            vitals = self._parts.vitals.latest
            if vitals is not None:
                self._health.describe(vitals.to_dict())
        events = self._health.drain()
        due = now - self._told_s >= TELL_EVERY_S and self._parts.vitals.latest is not None
        if events or last or due:
            self._told_s = now
            snapshot = self._health.snapshot()
            for station in self._parts.stations:
                if station.publisher is not None:
                    station.publisher.publish_health(snapshot)
        return events

    def _look_at_camera(self, station: Station) -> None:
        reader = station.reader
        if reader is not None:
            error = reader.error
            self._set("camera_lost", station.name, error is not None, str(error))
            self._set("source_truncated", station.name, reader.truncated is not None, reader.truncated or "")
            fps = reader.info.fps if reader.info is not None else None
            slow = fps is not None and fps < SLOW_SHARE * station.fps
            self._set(
                "slow_source",
                station.name,
                slow,
                f"the source gives {fps or 0:g} frames a second, the model knows {station.fps:g}",
            )
            if reader.info is not None:
                self._look_at_shape(station, reader.info)
        if station.publisher is not None:
            client = station.publisher.client
            lost = not client.connected and bool(client.last_error)
            self._set("broker_unreachable", station.name, lost, client.last_error)
            refused = "; ".join(sorted(map(str, client.refused.values())))
            self._set("broker_refuses", station.name, bool(refused), refused)

    def _look_at_shape(self, station: Station, source: SourceInfo) -> None:
        if self._parts.pipeline is not None:
            model = self._parts.pipeline.manifest
            fault = shape_fault(source.width, source.height, model.width, model.height)
            self._set("squeezed_source", station.name, bool(fault), f"{fault}; {SHAPE_FIX}")

    def _look_at_budget(self, station: Station, time_s: float) -> None:
        governor = station.governor
        if governor is not None:
            self._set(
                "calibration_broken",
                station.name,
                governor.flooded(time_s),
                f"more than {governor.limit} alarms in {governor.window_s / 3600.0:g} h: new ones are stored"
                " and not told; look what changed, and calibrate the camera again",
            )

    def _look_at_sensors(self, time_s: float) -> None:
        found = {(code, stream): text for code, stream, text in self._parts.hub.conditions(time_s)}
        for (code, stream), text in found.items():
            self._health.raise_condition(code, stream, text)
        for code, stream in self._sensor_faults - found.keys():
            self._health.clear_condition(code, stream)
        self._sensor_faults = set(found)

    def _look_at_clock(self, time_s: float) -> None:
        """Follow the wall clock where somebody sets it, and say so for a while."""
        clock = self._parts.clock
        set_s = clock.follow() if isinstance(clock, LiveClock) else 0.0
        if set_s:
            self._clock_set_s = time_s
            way = "forward" if set_s > 0 else "back"
            text = (
                f"the clock was set {way} by {abs(set_s):,.1f} s: time stamps from before are off by as much"
            )
            self._health.raise_condition("clock_set", SUBJECT, text)
        elif time_s - self._clock_set_s >= CLOCK_TOLD_S:
            self._health.clear_condition("clock_set", SUBJECT)

    def _look_at_picture(self, station: Station, validity: Validity, time_s: float) -> None:
        """Raise what stays wrong with a picture; what passes, as jumps of exposure do, is counted alone."""
        reason: Reason = "" if validity.ok else validity.reason
        before, since_s = self._invalid.get(station.name, ("", time_s))
        if validity.reason:
            self._health.count(f"frames_{validity.reason}")
        if validity.reason == "new_view":
            text = "the camera looks at another view than it did: calibrate it again"
            self._health.raise_condition("view_changed", station.name, text)
        if reason != before:
            if before:
                self._health.clear_condition(f"frame_{before}", station.name)
            since_s = time_s
        self._invalid[station.name] = (reason, since_s)
        if reason and (reason in ("black", "frozen") or time_s - since_s >= PASSING_S):
            self._health.raise_condition(f"frame_{reason}", station.name, validity.detail)

    def _set(self, code: str, subject: str, holds: bool, message: str) -> None:
        if holds:
            self._health.raise_condition(code, subject, message)
        else:
            self._health.clear_condition(code, subject)


class Heartbeat:
    """Tells the service manager of each turn of the loop."""

    def __init__(self, manager: ServiceManager, stations: Sequence[Station]) -> None:
        self._manager = manager
        self._stations = stations
        self._ready = False

    def turn(self, scored: Sequence[ScoredFrame | None]) -> None:
        """One turn is over; `scored` holds what each camera got in it."""
        cameras = [
            station.reader for station in self._stations if station.reader is not None and not station.shed
        ]
        worked = was_worked_on(scored)
        if not self._ready and (not cameras or worked):
            self._ready = True
            self._manager.ready()
        if worked or all(reader.error is not None for reader in cameras):
            self._manager.alive()


def was_worked_on(scored: Sequence[ScoredFrame | None]) -> bool:
    """Whether any frame was dealt with: scored, or held back for a reason that is reported.

    A frame the model was given and gave no finite score for does not count. Cameras that are silent without
    being known as lost do not either: starting anew is what helps a capture that hangs.
    """
    return any(
        result is not None and (result.scores is not None or not result.validity.ok) for result in scored
    )
