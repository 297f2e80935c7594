"""The loop of a run: frames in, levels and events out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from vad_edge.cameras.streams import with_camera_streams
from vad_edge.clock import MediaClock
from vad_edge.events.event import Event
from vad_edge.health.systemd import ServiceManager
from vad_edge.pipeline import STAGES, ScoredFrame
from vad_edge.report.observer import FrameResult, Observer
from vad_edge.runtime.assembly import Assembly, assemble
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.collect import POLL_S, Picked, collect_live, collect_recorded
from vad_edge.runtime.component import close_all
from vad_edge.runtime.settings import RunSettings, RunSummary
from vad_edge.sensors.stream import SensorSurprise
from vad_edge.video.frame import Frame

_log = logging.getLogger(__name__)

READY_S = 10.0
LATENCIES_KEPT = 100_000


def run(
    settings: RunSettings,
    observers: Sequence[Observer] = (),
    stop: threading.Event | None = None,
    manager: ServiceManager | None = None,
) -> RunSummary:
    """Watch until the sources end, the duration is over or `stop` is set; `manager` hears of every turn.

    Recordings run as fast as they can, on media time. Events are in the store before an observer or a broker
    sees them. Ends cleanly whatever ends it: store closed, state published, observers closed.
    Raises ConfigError, SourceError, BundleError, EngineError or StoreError for what cannot begin, and
    EngineError when the engine fails on the way.
    """
    with ExitStack() as stack:
        try:
            settings = replace(settings, site=with_camera_streams(settings.site))
            parts = assemble(settings, observers, manager or ServiceManager(), stack)
        except BaseException:
            close_all(observers)
            raise
        return _Run(settings, parts, stop or threading.Event()).to_the_end()


class _Run:
    def __init__(self, settings: RunSettings, parts: Assembly, stop: threading.Event) -> None:
        self._settings = settings
        self._parts = parts
        self._stop = stop
        self._weights = {sensor.name: sensor.weight for sensor in settings.site.sensor}
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._began = time.perf_counter()
        self._first_score_s: float | None = None

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
        for camera in self._parts.cameras:
            if camera.publisher is not None:
                self._parts.writer.tell_state(camera)
                camera.publisher.start()
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
        if self._stop.is_set() or (limit_s is not None and self._parts.context.now() >= limit_s):
            return True
        return all(camera.ended for camera in self._parts.cameras)

    def _turn(self) -> None:
        started = time.perf_counter()
        picked = self._collect()
        collected = time.perf_counter()
        self._parts.spent["wait"] += collected - started
        scored = self._score(picked)
        for camera, (frame, _), result in zip(self._parts.cameras, picked, scored, strict=True):
            if frame is not None:
                event = self._decide(camera, frame.time_s, result)
                self._latencies.append(time.perf_counter() - collected)
                self._tell(camera, frame, result, event)
            elif not self._parts.context.is_media:
                self._decide_without_frame(camera)
        self._parts.components.on_tick(self._parts.context.now())

    def _collect(self) -> list[Picked]:
        cameras, clock = self._parts.cameras, self._parts.context.clock
        if isinstance(clock, MediaClock):
            picked = collect_recorded(cameras, self._stop, self._tell)
            for frame, _ in picked:
                if frame is not None:
                    clock.advance(frame.time_s)
            return picked
        fps = max((camera.fps for camera in cameras if not camera.shed), default=0.0) or 1 / POLL_S
        return collect_live(cameras, self._parts.arrived, 1 / fps, self._tell)

    def _score(self, picked: Sequence[Picked]) -> Sequence[ScoredFrame | None]:
        pipeline = self._parts.pipeline
        if pipeline is None:
            return [None] * len(picked)
        for row, (camera, (_, gap)) in enumerate(zip(self._parts.cameras, picked, strict=True)):
            pipeline.lanes[row].validity.hold = camera.eventful
            if gap:
                pipeline.reset(row)
        scored = pipeline.step([frame for frame, _ in picked])
        if self._first_score_s is None and any(result and result.surprise for result in scored):
            self._first_score_s = time.perf_counter() - self._began
        return scored

    def _decide_without_frame(self, camera: Camera) -> None:
        """Sensors alone, where a camera has been silent for a while."""
        now = self._parts.context.now()
        if now - max(camera.last_frame_s, camera.last_update_s) >= POLL_S:
            event = self._decide(camera, now, None)
            if event is not None:
                self._parts.writer.announce(event)

    def _decide(self, camera: Camera, time_s: float, scored: ScoredFrame | None) -> Event | None:
        started = time.perf_counter()
        heard_s = time_s - camera.config.latency_s
        event = camera.decide(
            time_s,
            scored,
            self._evidence(camera, heard_s),
            gated=self._parts.hub.gated(camera.name, heard_s),
        )
        self._parts.spent["fuse"] += time.perf_counter() - started
        return event

    def _evidence(self, camera: Camera, time_s: float) -> list[tuple[SensorSurprise, float]]:
        found = self._parts.hub.evidence(camera.name, time_s)
        if camera.weights is not None:
            return camera.counted(found, time_s)
        return [(said, self._weights[said.stream]) for said in found]

    def _tell(
        self, camera: Camera, frame: Frame, scored: ScoredFrame | None = None, event: Event | None = None
    ) -> None:
        """Tell every component of a frame; scored is None for one that the model does not see."""
        started = time.perf_counter()
        shown = camera.shown(frame)
        if scored is not None and shown is not frame:
            scored = replace(scored, frame=shown)
        self._parts.components.on_frame(
            FrameResult(
                camera=camera.name,
                frame=shown,
                scored=scored,
                fused=camera.risk,
                level=camera.machine.level,
                sensors=self._parts.hub.views(frame.time_s),
                counters={
                    **camera.counts,
                    "dropped": camera.reader.dropped if camera.reader is not None else 0,
                    "events": self._parts.writer.events + (event is not None),
                },
                events=() if event is None else (event,),
            )
        )
        self._parts.spent["observe"] += time.perf_counter() - started

    def _finish(self) -> None:
        """Commit and publish what is left; the files are closed by the stack."""
        self._parts.components.close()
        for camera in self._parts.cameras:
            if camera.publisher is not None:
                publish_state = camera.state_message()
                if publish_state is not None:
                    publish_state()
                camera.publisher.stop()
        if self._parts.subscriber is not None:
            self._parts.subscriber.stop()

    def _summary(self) -> RunSummary:
        cameras, pipeline, writer = self._parts.cameras, self._parts.pipeline, self._parts.writer
        readers = [camera.reader for camera in cameras if camera.reader is not None]
        counts = pipeline.counts if pipeline is not None else {}
        spent = pipeline.seconds if pipeline is not None else dict.fromkeys(STAGES, 0.0)
        latencies = np.array(self._latencies or [0.0]) * 1000.0
        problems = [reader.truncated for reader in readers if reader.truncated]
        problems += [f"camera {camera.name} is lost: {camera.lost}" for camera in cameras if camera.lost]
        return RunSummary(
            frames=sum(camera.counts["frames"] for camera in cameras),
            scored=counts.get("scored", 0),
            invalid=counts.get("invalid", 0) + counts.get("not_finite", 0),
            skipped=sum(camera.counts["skipped"] for camera in cameras),
            dropped=sum(reader.dropped for reader in readers),
            events=writer.events,
            incidents=len(writer.incidents),
            wall_s=time.perf_counter() - self._began,
            first_score_s=self._first_score_s,
            latency_ms={
                "p50": float(np.percentile(latencies, 50)),
                "p99": float(np.percentile(latencies, 99)),
            },
            seconds={"decode": sum(reader.decode_s for reader in readers), **spent, **self._parts.spent},
            problems=(*problems, *self._parts.observers.lost, *self._parts.components.lost),
            remarks=tuple(self._parts.observers.remarks),
        )
