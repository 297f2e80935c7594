"""What a bundle's engines cost here: each measured in a process of its own, so that memory is its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from vad_edge.bundle.archive import read_bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.common.process import Progress, answer_job, ask_process
from vad_edge.errors import EngineError
from vad_edge.health.power import Energy, EnergyMeter, EnergySource, find_source
from vad_edge.inference.engine import Engine

WARMUP_STEPS: Final = 5
ENERGY_S: Final = 2.0
"""Long enough for monitors that average over tenths of a second."""
_WORKER: Final = (sys.executable, "-m", "vad_edge.inference.benchmark")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure: engine as `open_engine` takes it, precision None for the fastest there is."""

    engine: str
    precision: Precision | None
    cameras: int
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """What one case cost.

    A step scores one frame of every camera; fps counts the frames of all of them. Milliseconds are a step's,
    cpu_ms the processor time of all threads. rss_mb is the process's peak. cold_start_s is from starting the
    process to the first score, warm_start_s from opening the engine once more.

    power_w and energy_mj_per_frame are of what power_source names (``VDD_IN`` is a whole board, ``package-0``
    a CPU), all that it draws at full speed; None where the machine does not tell.
    """

    engine: str
    precision: str
    cameras: int
    steps: int
    fps: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    cpu_ms: float
    rss_mb: float
    cold_start_s: float
    warm_start_s: float
    power_w: float | None = None
    energy_mj_per_frame: float | None = None
    power_source: str | None = None


def benchmark(
    bundle: Path,
    cases: Sequence[Case],
    *,
    steps: int = 200,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[BenchmarkRow]:
    """Measure each case, one after another, on frames of noise; on_progress gets how many are done.

    Raises BundleError for a bundle that cannot be read, EngineError for a case that cannot run here.
    """
    read_bundle(bundle)
    rows = []
    for done, case in enumerate(cases):
        on_progress(done)
        rows.append(_in_a_process(bundle, case, steps))
    on_progress(len(cases))
    return rows


def _in_a_process(bundle: Path, case: Case, steps: int) -> BenchmarkRow:
    job = {"bundle": str(bundle), "steps": steps, "case": asdict(case)}
    try:
        answer = ask_process(_WORKER, job)
    except EngineError as error:
        raise EngineError(f"it cannot be measured: {error.what}", where=_name(case)) from error
    return BenchmarkRow(**answer)


def _name(case: Case) -> str:
    return f"{case.engine} {case.precision or 'fastest'}, {case.cameras} cameras"


def measure(bundle: Path, case: Case, steps: int) -> BenchmarkRow:
    """Measure one case in this process, whose start and peak memory count as the case's."""
    from vad_edge.inference.select import open_engine

    opened = read_bundle(bundle)
    engine = open_engine(
        opened,
        batch=case.cameras,
        engine=case.engine,
        precision=case.precision,
        threads=case.threads,
    )
    engine.step()
    cold_s = time.time() - psutil.Process().create_time()
    times = time_steps(engine, steps)
    source = find_source()
    energy, drawing_steps = energy_of_steps(engine, source) if source is not None else (None, 0)
    name, precision = engine.name, engine.graph.precision
    engine.close()
    began = time.perf_counter()
    again = open_engine(
        opened, batch=case.cameras, engine=case.engine, precision=precision, threads=case.threads
    )
    again.step()
    warm_s = time.perf_counter() - began
    again.close()
    return BenchmarkRow(
        engine=name,
        precision=precision,
        cameras=case.cameras,
        **times,
        rss_mb=_peak_rss_bytes() / 1e6,
        cold_start_s=cold_s,
        warm_start_s=warm_s,
        power_w=energy.watts if energy else None,
        energy_mj_per_frame=1000.0 * energy.joules / (drawing_steps * case.cameras) if energy else None,
        power_source=energy.source if energy else None,
    )


def time_steps(engine: Engine, steps: int) -> dict[str, Any]:
    """The figures of so many steps on frames of noise, after a few that do not count, as in `BenchmarkRow`.

    Raises EngineError.
    """
    noise = np.random.default_rng(0)
    frames = noise.integers(0, 256, (4, *engine.inputs.frame.shape), np.uint8)
    for _ in range(WARMUP_STEPS):
        engine.step()
    taken = np.empty(steps)
    cpu_began = time.process_time()
    for step in range(steps):
        engine.inputs.frame[:] = frames[step % len(frames)]
        began = time.perf_counter()
        engine.step()
        taken[step] = time.perf_counter() - began
    cpu_s = time.process_time() - cpu_began
    percentiles = {f"p{share}_ms": 1000.0 * float(np.percentile(taken, share)) for share in (50, 90, 99)}
    fps = len(engine.inputs.active) * steps / float(taken.sum())
    return {"steps": steps, **percentiles, "cpu_ms": 1000.0 * cpu_s / steps, "fps": fps}


def energy_of_steps(
    engine: Engine, source: EnergySource, seconds: float = ENERGY_S
) -> tuple[Energy | None, int]:
    """What is drawn over so many seconds of steps, and how many they were. Raises EngineError.

    These steps are not those that are timed: reading a power monitor takes time.
    """
    steps, end = 0, time.monotonic() + seconds
    with EnergyMeter(source) as meter:
        while time.monotonic() < end:
            engine.step()
            steps += 1
    return meter.energy, steps


def _peak_rss_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _work(job: dict[str, Any], progress: Progress) -> dict[str, Any]:
    return asdict(measure(Path(job["bundle"]), Case(**job["case"]), job["steps"]))


if __name__ == "__main__":
    answer_job(_work)
