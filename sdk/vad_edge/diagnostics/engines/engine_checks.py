"""Checks of an engine that runs: it loads, scores like full precision, keeps its state, and how fast."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict
from typing import Final

import numpy as np
import psutil
from numpy.typing import NDArray

from vad_edge.bundle.archive import read_bundle
from vad_edge.diagnostics.engines.compare import Trace, compare, near_enough, relative_error
from vad_edge.diagnostics.engines.job import Found, Job, NotHere, precision_of
from vad_edge.diagnostics.engines.plan import TENSORRT, CheckStep
from vad_edge.errors import EngineError
from vad_edge.inference.benchmark import time_steps
from vad_edge.inference.engine import Engine
from vad_edge.inference.select import BACKENDS, LAST_RESORT, open_engine
from vad_edge.inference.tensorrt.backend import open_tensorrt
from vad_edge.inference.tensorrt.cache import EngineCache
from vad_edge.inference.tensorrt.engine import TensorRtEngine

STRANGE: Final = range(55, 70)
"""The frames in which something moves that does not belong there."""
_BOXES: Final = ((0.1, 0.6, 0.004), (0.5, 0.5, -0.003), (0.8, 0.7, 0.002))
"""Where each box starts, x and y, and how far it walks a frame, in parts of the picture."""


def synthetic_frame(number: int, camera: int, height: int, width: int) -> NDArray[np.uint8]:
    """A BGR frame (height, width, 3) uint8; each camera has a view and a noise of its own."""
    noise = np.random.default_rng((camera, number))
    light = 70 + 80 * np.linspace(0, 1, height)[:, None, None] + 5 * camera
    image = np.broadcast_to(light, (height, width, 3)) + noise.normal(0, 3, (height, width, 3))
    for box, (x, y, pace) in enumerate(_BOXES):
        _draw(image, (x + pace * number + 0.13 * camera) % 1.0, y, 0.06, 0.2, 40 + 60 * box)
    if number in STRANGE:
        _draw(image, (0.06 * (number - STRANGE.start)) % 1.0, 0.3, 0.12, 0.12, 240)
    return np.clip(image, 0, 255).astype(np.uint8)


def _draw(image: NDArray[np.float64], x: float, y: float, wide: float, high: float, shade: int) -> None:
    height, width = image.shape[:2]
    top, left = int(y * height), int(x * width)
    image[top : top + max(int(high * height), 1), left : left + max(int(wide * width), 1)] = shade


STEPS: Final = 100
MOST_STEPS: Final = 300
FEWEST_STEPS: Final = 30
MOST_TIMED_S: Final = 20.0
_RESET_AT: Final = 40
_SAME: Final = 1e-4


def load_and_step(job: Job, step: CheckStep) -> Found:
    """It loads and gives numbers; whether a step is a CUDA graph."""
    began = time.perf_counter()
    with closing(_open(job, step)) as engine:
        opened_s = time.perf_counter() - began
        began = time.perf_counter()
        score = engine.step().score.copy()
        step_s = time.perf_counter() - began
        recorded = engine.recorded if isinstance(engine, TensorRtEngine) else None
    if not np.isfinite(score).all():
        raise EngineError("its first scores are no numbers")
    figures = {"name": engine.name, "cuda_graph": recorded, "open_s": opened_s, "first_step_s": step_s}
    graph = "" if recorded is None else f", {'a' if recorded else 'no'} CUDA graph"
    return Found(f"{engine.name}{graph}", figures)


def beside_reference(job: Job, step: CheckStep) -> Found:
    """Its scores, error map and state after a run, beside full precision on a CPU."""
    precision = precision_of(step)
    with closing(_open(job, step)) as engine:
        found = _run(engine, STEPS)
    with closing(_open(job, CheckStep("", LAST_RESORT, "fp32", step.cameras))) as reference:
        right = _run(reference, STEPS)
    warm = read_bundle(job.bundle).manifest.clock.warmup_frames
    comparison = compare(found, right, skip=warm)
    verdict = near_enough(comparison, precision)
    if not verdict.ok:
        raise EngineError(f"{verdict.reason} ({asdict(comparison)})")
    correlation = comparison.score_correlation
    told = "constant scores" if correlation is None else f"correlation {correlation:.6f}"
    worst = max(comparison.state_error.values(), default=0.0)
    text = f"{told}, scores off by {comparison.score_error:.2%}, states by {worst:.2%}"
    return Found(text, {"steps": STEPS, **asdict(comparison)})


def snapshot_and_restore(job: Job, step: CheckStep) -> Found:
    """A state that was taken up again gives the same scores again."""
    with closing(_open(job, step)) as engine:
        _run(engine, STEPS // 4)
        state = engine.snapshot()
        first = _run(engine, STEPS // 4)
        engine.restore(state)
        again = _run(engine, STEPS // 4)
    off = relative_error(again.scores, first.scores)
    if not off <= _SAME:
        raise EngineError(f"after restore the same frames score otherwise, by {off:.3%}")
    same = bool(np.array_equal(again.scores, first.scores))
    text = "identical scores" if same else f"scores off by {off:.1e}"
    return Found(text, {"identical": same, "error": off})


def time_it(job: Job, step: CheckStep) -> Found:
    """How long a step takes."""
    with closing(_open(job, step)) as engine:
        engine.step()
        began = time.perf_counter()
        engine.step()
        steps = timed_steps(time.perf_counter() - began)
        figures = time_steps(engine, steps)
    return Found(f"p50 {figures['p50_ms']:.2f} ms, p99 {figures['p99_ms']:.2f} ms", figures)


def timed_steps(seconds_per_step: float) -> int:
    """How many steps to time: enough for a p99, on a slow machine as many as do not take too long."""
    return max(min(MOST_STEPS, round(MOST_TIMED_S / seconds_per_step)), FEWEST_STEPS)


def start_it(job: Job, step: CheckStep) -> Found:
    """How long from the bundle to the first score, with the engine compiled before."""
    began = time.perf_counter()
    with closing(_open(job, step)) as engine:
        engine.step()
        bundle_s = time.perf_counter() - began
    process_s = time.time() - psutil.Process().create_time()
    figures = {"bundle_to_score_s": bundle_s, "process_to_score_s": process_s}
    return Found(f"{bundle_s:.2f} s from bundle to first score, {process_s:.2f} s with Python", figures)


def _open(job: Job, step: CheckStep) -> Engine:
    bundle, precision = read_bundle(job.bundle), precision_of(step)
    if step.engine == TENSORRT:
        return open_tensorrt(bundle, precision, step.cameras, None, cache=EngineCache(job.engines))
    backend = next(backend for backend in BACKENDS if backend.name == step.engine)
    verdict = backend.fits(bundle, precision)
    if not verdict.ok:
        raise NotHere(verdict.reason)
    return open_engine(bundle, batch=step.cameras, engine=step.engine, precision=precision)


def _run(engine: Engine, steps: int) -> Trace:
    """Step over the synthetic frames.

    Of several cameras the last one rests, and the first is reset on the way.
    """
    inputs = engine.inputs
    cameras, height, width, _ = inputs.frame.shape
    inputs.active[:] = True
    inputs.active[1:][-1:] = False
    scores = []
    for number in range(steps):
        for camera in range(cameras):
            inputs.frame[camera] = synthetic_frame(number, camera, height, width)
        inputs.reset[:] = False
        inputs.reset[:1] = cameras > 1 and number == _RESET_AT
        outputs = engine.step()
        scores.append(outputs.score[inputs.active].copy())
    return Trace(np.stack(scores), outputs.error_map[inputs.active].copy(), engine.snapshot())
