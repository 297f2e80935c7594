"""A source scored frame by frame: the pipeline and the decision of a run, and nothing else of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from vad_edge.bundle.archive import Bundle, load_bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.clock import LiveClock, MediaClock
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.errors import ConfigError
from vad_edge.health.board import HealthBoard
from vad_edge.inference.select import open_engine
from vad_edge.pipeline import Lane, VideoPipeline, known_views
from vad_edge.report.observer import FrameResult
from vad_edge.runtime.camera import Camera
from vad_edge.runtime.context import RunContext
from vad_edge.runtime.profile import resolve_camera
from vad_edge.video.open import SourceSpec, open_source
from vad_edge.video.validity import ValidityCheck

_NOTHING_LEARNED = Path("/nonexistent")


def score(
    source: SourceSpec,
    *,
    bundle: Bundle | Path | str | None = None,
    calibration: Path | str | None = None,
    engine: str = "auto",
    precision: Precision | None = None,
    fps: float | None = None,
) -> Generator[FrameResult, None, None]:
    """Score each frame of a source, without a store, events or a broker.

    >>> import vad_edge
    >>> for frame in vad_edge.score("clip.mkv", bundle="my.vadb"):  # doctest: +SKIP
    ...     print(frame.time_s, frame.scores, frame.risk, frame.level)

    Arguments are as for `Watch`; fps overrides what the source says of its own rate. A live source has no
    end: leave the loop. Raises ConfigError, SourceError, BundleError or EngineError at the first frame.
    """
    if bundle is None:
        raise ConfigError(
            "no model is given",
            where="bundle",
            fix="give bundle='NAME.vadb'; `vad-edge export` makes one, `vad-edge demo` has one",
        )
    camera = CameraConfig(name="camera", calibration=None if calibration is None else Path(calibration))
    return _frames(source, load_bundle(bundle), camera, engine, precision, fps)


def _frames(
    source: SourceSpec,
    bundle: Bundle,
    camera: CameraConfig,
    engine: str,
    precision: Precision | None,
    fps: float | None,
) -> Generator[FrameResult, None, None]:
    clock = LiveClock()
    opened = open_source(source, clock, fps=fps)
    try:
        runner = open_engine(bundle, batch=1, engine=engine, precision=precision)
        try:
            profile = resolve_camera(camera, bundle, runner.graph, learned=_NOTHING_LEARNED)
            run_clock = clock if opened.info.live else MediaClock(opened.info.begun)
            context = RunContext(SiteConfig(camera=(camera,)), run_clock, HealthBoard())
            watched = Camera(camera, context)
            watched.use(profile)
            watched.show_zones(bundle.manifest.map_height, bundle.manifest.map_width)
            full = profile.full
            lane = Lane(camera.name, full.scorer, full.weight, ValidityCheck(known_views(full.views)))
            pipeline = VideoPipeline(runner, bundle.manifest, [lane])
            while (frame := opened.read()) is not None:
                admission = watched.admit(frame)
                if admission.gap:
                    pipeline.reset(0)
                lane.validity.hold = watched.eventful
                scored = pipeline.step([frame])[0] if admission.take else None
                event = None if scored is None else watched.decide(frame.time_s, scored, ())
                shown = watched.shown(frame)
                yield FrameResult(
                    camera=camera.name,
                    frame=shown,
                    scored=None if scored is None else replace(scored, frame=shown),
                    fused=watched.risk,
                    level=watched.machine.level,
                    counters=dict(watched.counts),
                    events=() if event is None else (event,),
                )
        finally:
            runner.close()
    finally:
        opened.close()
