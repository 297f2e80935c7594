"""Frames of all cameras in, calibrated scores out: the same way for a live site and for an evaluation."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Manifest, Precision
from vad_edge.bundle.pack import KnownView
from vad_edge.clock import LiveClock
from vad_edge.errors import EngineError, SourceError
from vad_edge.inference.engine import Engine, StepOutputs
from vad_edge.inference.select import open_engine
from vad_edge.scoring.scorer import Scorer, Surprise
from vad_edge.video.frame import Frame, resize_into, shape_fault
from vad_edge.video.open import SourceSpec, open_source
from vad_edge.video.rate import FrameRateGate
from vad_edge.video.scene import Scene
from vad_edge.video.stream_options import AS_IT_COMES, StreamOptions
from vad_edge.video.validity import Light, Validity, ValidityCheck

STAGES = ("validity", "resize", "engine", "score")


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """What the model made of one frame.

    scores maps each cue to its raw score, None where the frame was not valid or the model's answer was not
    finite. warm is false while the model has seen too little since its last reset: scores are there but
    mean nothing, and there is no surprise. error_map is float32 (h, w), None without scores.
    """

    frame: Frame
    validity: Validity
    warm: bool
    scores: Mapping[str, float] | None = None
    surprise: Surprise | None = None
    error_map: NDArray[np.float32] | None = None


@dataclass
class Lane:
    """One camera's way through the pipeline: its row of the batch.

    scorer is None where scores are wanted raw, as in calibration. weight is float32 (h, w), None for ones.
    """

    camera: str
    scorer: Scorer | None = None
    weight: NDArray[np.float32] | None = None
    validity: ValidityCheck = field(default_factory=ValidityCheck)
    must_reset: bool = True
    since_reset: int = 0


class VideoPipeline:
    """Validity, resize, one engine call for all cameras, surprise.

    manifest is the bundle's. seconds adds up the time spent in each of `STAGES`; counts the frames
    ``scored``, ``invalid``, these also by their reason (``black``), and those the model gave no finite score
    for (``not_finite``). replace gives another engine in the place of one that failed, and the lanes scorers
    for its graph, or raises; without it a failure ends the run.
    """

    def __init__(
        self,
        engine: Engine,
        manifest: Manifest,
        lanes: Sequence[Lane],
        *,
        replace: Callable[[EngineError], Engine] | None = None,
    ) -> None:
        self._engine = engine
        self._replace = replace
        self.manifest = manifest
        self.lanes = list(lanes)
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.counts: Counter[str] = Counter()
        for row, lane in enumerate(self.lanes):
            if lane.weight is not None:
                engine.inputs.weight[row] = lane.weight

    def reset(self, row: int) -> None:
        """Reset the camera of this row with its next frame, as after a gap."""
        self.lanes[row].must_reset = True

    def recalibrate(self, row: int, scorer: Scorer | None, weight: NDArray[np.float32] | None) -> None:
        """Judge the camera of this row by another calibration; its state is reset.

        scorer and weight are as in `Lane`.
        """
        lane = self.lanes[row]
        lane.scorer, lane.weight = scorer, weight
        self._engine.inputs.weight[row] = 1.0 if weight is None else weight
        self.reset(row)

    def step(self, frames: Sequence[Frame | None]) -> list[ScoredFrame | None]:
        """Score one frame of each camera, in the order of the lanes; None where a camera has none.

        Raises EngineError when the engine fails and there is none in its place.
        """
        verdicts = [self._admit(row, frame) for row, frame in enumerate(frames)]
        outputs: StepOutputs | None = None
        if any(verdict is not None and verdict.ok for verdict in verdicts):
            started = time.perf_counter()
            outputs = self._run_engine()
            self.seconds["engine"] += time.perf_counter() - started
        started = time.perf_counter()
        scored = [
            None if frame is None or verdict is None else self._judge(row, frame, verdict, outputs)
            for row, (frame, verdict) in enumerate(zip(frames, verdicts, strict=True))
        ]
        self.seconds["score"] += time.perf_counter() - started
        return scored

    def _run_engine(self) -> StepOutputs:
        try:
            return self._engine.step()
        except EngineError as error:
            if self._replace is None:
                raise
            self._take_up(self._replace(error))
            return self._engine.step()

    def _take_up(self, engine: Engine) -> None:
        """Go on with another engine and the same frames; cameras are reset."""
        before, self._engine = self._engine.inputs, engine
        engine.inputs.frame[:] = before.frame
        engine.inputs.weight[:] = before.weight
        engine.inputs.active[:] = before.active
        engine.inputs.reset[:] = before.active
        for row, lane in enumerate(self.lanes):
            lane.must_reset = not before.active[row]
            lane.since_reset = 0

    def _admit(self, row: int, frame: Frame | None) -> Validity | None:
        """Put a frame into its row of the batch, and look there whether it may be scored.

        What the model sees is small and at hand; the frame itself is read once.
        """
        inputs, lane = self._engine.inputs, self.lanes[row]
        inputs.active[row] = inputs.reset[row] = False
        if frame is None:
            return None
        started = time.perf_counter()
        resize_into(frame.image, inputs.frame[row])
        resized = time.perf_counter()
        verdict = lane.validity.check(inputs.frame[row], frame.time_s)
        self.seconds["resize"] += resized - started
        self.seconds["validity"] += time.perf_counter() - resized
        if not verdict.ok:
            return verdict
        if verdict.reset:
            lane.must_reset = True
        inputs.active[row], inputs.reset[row] = True, lane.must_reset
        lane.since_reset = 0 if lane.must_reset else lane.since_reset + 1
        lane.must_reset = False
        return verdict

    def _judge(self, row: int, frame: Frame, verdict: Validity, outputs: StepOutputs | None) -> ScoredFrame:
        lane = self.lanes[row]
        if not verdict.ok or outputs is None:
            self.counts["invalid"] += 1
            self.counts[verdict.reason] += 1
            return ScoredFrame(frame, verdict, warm=False)
        score = outputs.score[row]
        values = score.tolist()
        if not all(map(math.isfinite, values)):
            self.counts["not_finite"] += 1
            lane.must_reset = True
            return ScoredFrame(frame, verdict, warm=False)
        self.counts["scored"] += 1
        warm = lane.since_reset >= self.manifest.clock.warmup_frames
        surprise = lane.scorer.surprise(frame.time_s, score) if warm and lane.scorer is not None else None
        scores = dict(zip(self.manifest.cues, values, strict=True))
        return ScoredFrame(frame, verdict, warm, scores, surprise, outputs.error_map[row].copy())


@dataclass(frozen=True, slots=True)
class RecordingScores:
    """What a bundle made of a recording, one row for every frame of the source.

    time_s is (T,); scores (T, K), NaN where a frame has none; warm (T,) bool; surprise (T,), NaN while
    warming up, on invalid frames and without a calibration. taken (T,) bool says which frames are the
    model's, at its own rate. counts are the pipeline's. truncated says why the recording ended early. graph
    is what the engine ran. views are what the camera looked at. squeezed says that its pictures are of
    another shape than the model's.
    """

    time_s: NDArray[np.float64]
    taken: NDArray[np.bool_]
    scores: NDArray[np.float64]
    warm: NDArray[np.bool_]
    surprise: NDArray[np.float64]
    error_maps: Sequence[NDArray[np.float32] | None]
    counts: Mapping[str, int]
    truncated: str | None
    graph: Graph
    views: Mapping[Light, Scene] = field(default_factory=dict)
    squeezed: str = ""


def known_views(stored: Mapping[Light, KnownView]) -> dict[Light, Scene]:
    """What a camera pack knows of what the camera looks at."""
    return {
        light: Scene.remembered(np.array(view.edges, np.float32), view.light, view.sharpness)
        for light, view in stored.items()
    }


def stored_views(views: Mapping[Light, Scene]) -> dict[Light, KnownView]:
    """The same for a camera pack."""
    return {
        light: KnownView(
            edges=np.rint(view.edges).astype(int).tolist(), light=view.light, sharpness=view.sharpness
        )
        for light, view in views.items()
    }


def score_recording(
    bundle: Bundle,
    source: SourceSpec,
    *,
    engine: str | Callable[[], Engine] = "auto",
    precision: Precision | None = None,
    fps: float | None = None,
    options: StreamOptions = AS_IT_COMES,
    weight: NDArray[np.float32] | None = None,
    with_maps: bool = False,
    duration_s: float | None = None,
    stop: threading.Event | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> RecordingScores:
    """Score what `open_source` takes exactly as a run would, without sensors or events.

    engine is a backend's name, or opens an engine for one camera itself; precision is the fastest the bundle
    has where None. fps overrides the source's own; options say how it is decoded. weight is a camera pack's,
    (h, w). with_maps keeps every error map. duration_s and `stop` end it early: a live source has no end of
    its own, and one that is lost on the way ends as truncated. on_progress gets the frames done and, where
    known, how many there are.
    Raises SourceError where there is no frame, EngineError.
    """
    manifest = bundle.manifest
    gate = FrameRateGate(manifest.clock.fps, manifest.clock.max_gap_s)
    opened = open_source(source, LiveClock(), fps=fps, options=options)  # a recording goes by its own time
    if isinstance(engine, str):
        runner = open_engine(bundle, batch=1, engine=engine, precision=precision)
    else:
        runner = engine()
    calibration = runner.graph.calibration
    scorer = Scorer(calibration, manifest.cues) if calibration else None
    pipeline = VideoPipeline(runner, manifest, [Lane(opened.info.name, scorer, weight)])
    rows: list[_Row] = []
    lost: str | None = None
    try:
        while (frame := opened.read()) is not None and not (stop is not None and stop.is_set()):
            if duration_s is not None and rows and frame.time_s - rows[0].time_s >= duration_s:
                break
            admission = gate.admit(frame.time_s)
            if admission.gap:
                pipeline.reset(0)
            scored = pipeline.step([frame])[0] if admission.take else None
            rows.append(_row(frame.time_s, scored, with_maps))
            if on_progress is not None:
                on_progress(len(rows), opened.info.frame_count)
    except SourceError as error:
        if not rows:
            raise
        lost = str(error)
    finally:
        opened.close()
        runner.close()
    found = _table(rows, pipeline.counts, opened.truncated or lost, manifest, runner.graph)
    squeezed = shape_fault(opened.info.width, opened.info.height, manifest.width, manifest.height)
    return replace(found, views=pipeline.lanes[0].validity.views, squeezed=squeezed)


@dataclass(frozen=True, slots=True)
class _Row:
    """What remains of one frame of a recording, without its image: hours of them are kept."""

    time_s: float
    taken: bool = False
    warm: bool = False
    scores: Mapping[str, float] | None = None
    surprise: float | None = None
    error_map: NDArray[np.float32] | None = None


def _row(time_s: float, scored: ScoredFrame | None, with_maps: bool) -> _Row:
    if scored is None:
        return _Row(time_s)
    total = scored.surprise.total if scored.surprise is not None else None
    error_map = scored.error_map if with_maps and scored.warm else None
    return _Row(time_s, True, scored.warm, scored.scores, total, error_map)


def _table(
    rows: Sequence[_Row], counts: Mapping[str, int], truncated: str | None, manifest: Manifest, graph: Graph
) -> RecordingScores:
    """The rows as arrays, each score moved to the frame it belongs to in a model that looks ahead."""
    scores = np.full((len(rows), len(manifest.cues)), np.nan)
    warm = np.zeros(len(rows), np.bool_)
    surprise = np.full(len(rows), np.nan)
    maps: list[NDArray[np.float32] | None] = [None] * len(rows)
    taken = [place for place, row in enumerate(rows) if row.taken]
    for place, source in zip(taken, taken[manifest.clock.delay_frames :], strict=False):
        row = rows[source]
        if row.scores is None:
            continue
        warm[place] = row.warm
        scores[place] = [row.scores[cue] for cue in manifest.cues]
        maps[place] = row.error_map
        if row.surprise is not None:
            surprise[place] = row.surprise
    times = np.array([row.time_s for row in rows])
    chosen = np.array([row.taken for row in rows], np.bool_)
    return RecordingScores(times, chosen, scores, warm, surprise, maps, dict(counts), truncated, graph)
