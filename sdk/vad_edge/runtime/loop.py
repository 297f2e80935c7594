"""The loop of a run: frames in, levels and events out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vad_edge.clock import MediaClock
from vad_edge.events.event import Event
from vad_edge.events.incidents import Incidents
from vad_edge.health.systemd import ServiceManager
from vad_edge.pipeline import STAGES, ScoredFrame
from vad_edge.report.observer import Moment, RunObserver
from vad_edge.runtime.assembly import Assembly, assemble
from vad_edge.runtime.camera import Station
from vad_edge.runtime.collect import POLL_S, Picked, collect_live, collect_recorded
from vad_edge.runtime.commands import CommandHandler
from vad_edge.runtime.event_writer import EventWriter
from vad_edge.runtime.monitor import HealthWatch, Heartbeat
from vad_edge.runtime.observers import Observers
from vad_edge.runtime.overload import OverloadControl
from vad_edge.runtime.settings import RunSettings, RunSummary
from vad_edge.sensors.stream import SensorSurprise
from vad_edge.video.frame import Frame

_log = logging.getLogger(__name__)

READY_S = 10.0
LATENCIES_KEPT = 100_000


def run(
    settings: RunSettings,
    observers: Sequence[RunObserver] = (),
    stop: threading.Event | None = None,
    manager: ServiceManager | None = None,
) -> RunSummary:
    """Watch until the sources end, the duration is over or `stop` is set; `manager` hears of every turn.

    Recordings run as fast as they can, on media time. Events are in the store before an observer or a broker
    sees them. Ends cleanly whatever ends it: store closed, state published, observers closed.
    Raises ConfigError, SourceError, BundleError, EngineError or StoreError for what cannot begin, and
    EngineError when the engine fails on the way.
    """
    audience = Observers(observers)
    with ExitStack() as stack:
        stack.callback(audience.close)
        parts = assemble(settings, stack)
        heartbeat = Heartbeat(manager or ServiceManager(), parts.stations)
        return _Run(settings, parts, audience, stop or threading.Event(), heartbeat).to_the_end()


class _Run:
    def __init__(
        self,
        settings: RunSettings,
        parts: Assembly,
        audience: Observers,
        stop: threading.Event,
        heartbeat: Heartbeat,
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._audience = audience
        self._stop = stop
        self._heartbeat = heartbeat
        self._watch = HealthWatch(parts)
        self._keeper = OverloadControl(
            parts.stations, parts.pipeline, parts.health, settings.site.board, lambda: parts.vitals.latest
        )
        self._weights = {sensor.name: sensor.weight for sensor in settings.site.sensor}
        self._learns = bool(settings.site.sensor) and not parts.clock.is_media
        self._seconds = dict.fromkeys(("wait", "fuse", "observe"), 0.0)
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._began = time.perf_counter()
        self._first_score_s: float | None = None
        self._events = 0
        self._incidents: set[str] = set()
        publishers = {s.name: s.publisher for s in parts.stations if s.publisher is not None}
        self._desk = EventWriter(
            parts.store,
            parts.health,
            {name: publisher.wake for name, publisher in publishers.items()},
            parts.keeper,
        )
        self._commands = CommandHandler(
            parts.stations,
            Incidents(parts.store.database),
            parts.arming,
            parts.health,
            snapshots=settings.site.broker.snapshots,
            keeping=settings.site.privacy.evidence,
        )

    def to_the_end(self) -> RunSummary:
        try:
            self._connect()
            while not self._over():
                self._turn()
        finally:
            self._finish()
        return self._summary()

    def _connect(self) -> None:
        """Sensors first: a replay begins as soon as a camera says it is online."""
        subscriber = self._parts.subscriber
        if subscriber is not None:
            subscriber.start()
            if self._settings.site.sensor and not subscriber.wait_ready(READY_S):
                _log.warning("the broker does not answer yet; sensors will join when it does")
        for station in self._parts.stations:
            if station.publisher is not None:
                station.publish_state(self._parts.clock.wall)
                station.publisher.start()
        if subscriber is not None and self._settings.replay_wait_s > 0:
            self._wait_for_replay()

    def _wait_for_replay(self) -> None:
        assert self._parts.subscriber is not None  # noqa: S101 - asked for above
        _log.info("waiting up to %.0f s for the sensor replay", self._settings.replay_wait_s)
        deadline_s = time.monotonic() + self._settings.replay_wait_s
        while not self._stop.is_set() and time.monotonic() < deadline_s:
            if self._parts.subscriber.wait_for_replay(POLL_S):
                return
        _log.warning("no sensor replay came; going on without")

    def _over(self) -> bool:
        limit_s = self._settings.duration_s
        if self._stop.is_set() or (limit_s is not None and self._parts.clock.now() >= limit_s):
            return True
        return all(station.ended for station in self._parts.stations)

    def _turn(self) -> None:
        started = time.perf_counter()
        picked = self._collect()
        collected = time.perf_counter()
        self._seconds["wait"] += collected - started
        scored = self._score(picked)
        for station, frame, result in zip(
            self._parts.stations, (frame for frame, _ in picked), scored, strict=True
        ):
            if frame is not None:
                shown = station.shown(frame)
                self._parts.keeper.offer(station.name, shown, _heat(result))
                event = self._decide(station, frame.time_s, result)
                self._commands.frame(station, shown, _heat(result), event)
                self._latencies.append(time.perf_counter() - collected)
                self._observe(station, shown, result)
            elif not self._parts.clock.is_media:
                self._decide_without_frame(station)
        site = self._settings.site.site
        for event in self._parts.arming.turn(self._parts.clock, site=site):
            self._announce(event)
        for event in self._commands.turn(self._parts.clock, site=site):
            self._announce(event)
        for event in self._desk.kept():
            self._audience.on_event(event)
        for condition in self._watch.look(self._parts.clock.now()):
            self._audience.on_health(condition)
        if not self._parts.clock.is_media:
            self._keeper.turn(collected - started)
            if self._parts.learner is not None:
                self._parts.learner.turn()
        if self._learns:
            self._parts.learned.turn(self._parts.clock.now(), self._parts.hub.learned)
        self._heartbeat.turn(scored)

    def _collect(self) -> list[Picked]:
        stations = self._parts.stations
        if isinstance(self._parts.clock, MediaClock):
            picked = collect_recorded(stations, self._stop, self._skipped)
            for frame, _ in picked:
                if frame is not None:
                    self._parts.clock.advance(frame.time_s)
            return picked
        fps = max((station.fps for station in stations if not station.shed), default=0.0) or 1 / POLL_S
        return collect_live(stations, self._parts.arrived, 1 / fps, self._skipped)

    def _score(self, picked: Sequence[Picked]) -> Sequence[ScoredFrame | None]:
        pipeline = self._parts.pipeline
        if pipeline is None:
            return [None] * len(picked)
        for row, (station, (_, gap)) in enumerate(zip(self._parts.stations, picked, strict=True)):
            pipeline.lanes[row].validity.hold = station.eventful
            if gap:
                pipeline.reset(row)
        scored = pipeline.step([frame for frame, _ in picked])
        if self._first_score_s is None and any(result and result.surprise for result in scored):
            self._first_score_s = time.perf_counter() - self._began
        return scored

    def _decide_without_frame(self, station: Station) -> None:
        """Sensors alone, where a camera has been silent for a while."""
        now = self._parts.clock.now()
        if now - max(station.last_frame_s, station.last_update_s) >= POLL_S:
            self._decide(station, now, None)

    def _decide(self, station: Station, time_s: float, scored: ScoredFrame | None) -> Event | None:
        started = time.perf_counter()
        event = station.decide(
            time_s,
            scored,
            self._evidence(station, time_s - station.config.latency_s),
            gated=self._parts.hub.gated(station.name, time_s - station.config.latency_s),
            site=self._settings.site.site,
            wall=self._parts.clock.wall,
        )
        if event is not None:
            self._announce(event, publish=not station.rolled_up)
        station.publish(self._parts.clock.wall, level_changed=event is not None)
        if scored is not None:
            self._look_for_tamper(station, scored)
            self._watch.frame(station, scored)
            if self._parts.learner is not None and not self._parts.clock.is_media:
                self._parts.learner.frame(station, scored)
        self._seconds["fuse"] += time.perf_counter() - started
        return event

    def _look_for_tamper(self, station: Station, scored: ScoredFrame) -> None:
        wall = self._parts.clock.wall
        event = station.look_for_tamper(
            scored.frame.time_s, scored.validity, site=self._settings.site.site, wall=wall
        )
        if event is not None:
            self._announce(event)
            station.publish_state(wall)

    def _evidence(self, station: Station, time_s: float) -> list[tuple[SensorSurprise, float]]:
        found = self._parts.hub.evidence(station.name, time_s)
        if station.weights is not None:
            return station.counted(found, time_s)
        return [(said, self._weights[said.stream]) for said in found]

    def _announce(self, event: Event, *, publish: bool = True) -> None:
        self._events += 1
        self._incidents.add(event.incident)
        self._desk.submit(event, publish=publish)

    def _skipped(self, station: Station, frame: Frame) -> None:
        self._observe(station, station.shown(frame), None)

    def _observe(self, station: Station, frame: Frame, scored: ScoredFrame | None) -> None:
        started = time.perf_counter()
        self._audience.on_moment(
            Moment(
                camera=station.name,
                frame=frame,
                scored=_with(frame, scored),
                risk=station.risk,
                level=station.machine.level,
                sensors=self._parts.hub.views(frame.time_s),
                counters=self._counters(station),
            )
        )
        self._seconds["observe"] += time.perf_counter() - started

    def _counters(self, station: Station) -> Mapping[str, int]:
        dropped = station.reader.dropped if station.reader is not None else 0
        return {**station.counts, "dropped": dropped, "events": self._events}

    def _finish(self) -> None:
        """Commit and publish what is left; the files are closed by the stack."""
        self._commands.close()
        self._desk.close()
        for event in self._desk.kept():
            self._audience.on_event(event)
        for condition in self._watch.look(self._parts.clock.now(), last=True):
            self._audience.on_health(condition)
        for station in self._parts.stations:
            if station.publisher is not None:
                station.publish_state(self._parts.clock.wall)
                station.publisher.stop()
        if self._parts.subscriber is not None:
            self._parts.subscriber.stop()
        if self._learns:
            self._parts.learned.close(self._parts.hub.learned())

    def _summary(self) -> RunSummary:
        stations, pipeline = self._parts.stations, self._parts.pipeline
        readers = [station.reader for station in stations if station.reader is not None]
        counts = pipeline.counts if pipeline is not None else {}
        spent = pipeline.seconds if pipeline is not None else dict.fromkeys(STAGES, 0.0)
        latencies = np.array(self._latencies or [0.0]) * 1000.0
        problems = [reader.truncated for reader in readers if reader.truncated]
        return RunSummary(
            frames=sum(station.counts["frames"] for station in stations),
            scored=counts.get("scored", 0),
            invalid=counts.get("invalid", 0) + counts.get("not_finite", 0),
            skipped=sum(station.counts["skipped"] for station in stations),
            dropped=sum(reader.dropped for reader in readers),
            events=self._events,
            incidents=len(self._incidents),
            wall_s=time.perf_counter() - self._began,
            first_score_s=self._first_score_s,
            latency_ms={
                "p50": float(np.percentile(latencies, 50)),
                "p99": float(np.percentile(latencies, 99)),
            },
            seconds={"decode": sum(reader.decode_s for reader in readers), **spent, **self._seconds},
            problems=(*problems, *self._audience.lost),
        )


def _with(frame: Frame, scored: ScoredFrame | None) -> ScoredFrame | None:
    """What the model made of a frame, beside the frame as it may be seen."""
    return scored if scored is None or scored.frame is frame else replace(scored, frame=frame)


def _heat(scored: ScoredFrame | None) -> NDArray[np.float32] | None:
    """The error map of a frame, once the model has seen enough for it to mean anything."""
    return scored.error_map if scored is not None and scored.warm else None
