"""Every engine and precision of a bundle that can run here, on the same labelled frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.errors import EngineError
from vad_edge.inference.benchmark import Case, benchmark
from vad_edge.inference.select import BACKENDS
from vad_edge_export.gate import correlation
from vad_edge_training.evaluate import Evaluation, evaluate_bundle

TIMED_STEPS: Final = 100
_REFERENCE: Final = ("onnxruntime", "fp32")


@dataclass(frozen=True, slots=True)
class Compared:
    """One engine at one precision.

    auc is the fused score's, online, by the graph's own calibration, None where the clips do not define it.
    score_correlation is the lowest of the cues' Pearson correlations with fp32 on ONNX Runtime, max_abs_diff
    the largest difference of a score from it; bytes are the graph's, p50_ms a step's for one camera.
    """

    engine: str
    precision: str
    auc: float | None
    score_correlation: float
    max_abs_diff: float
    bytes: int
    p50_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, the reference first; left_out gives the reason of what cannot run here, by name."""

    rows: tuple[Compared, ...]
    left_out: dict[str, str]


def compare_bundle(
    path: Path, data: Path, *, on_progress: Callable[[str, float], None] = lambda what, share: None
) -> Comparison:
    """Score the labelled clips of `data` with each engine and precision of a bundle that can run here.

    Raises DataError for a bundle or clips that cannot be evaluated, EngineError where fp32 cannot run.
    """
    bundle = read_bundle(path)
    runnable, left_out = _candidates(bundle)
    if _REFERENCE not in runnable:
        name = " ".join(_REFERENCE)
        raise EngineError(f"{name} cannot run: {left_out.get(name, 'the bundle has no such graph')}")
    cases = [Case(engine, precision, 1) for engine, precision in runnable]
    evaluations = {}
    for done, (engine, precision) in enumerate(runnable):
        on_progress("scoring", done / len(runnable))
        evaluations[engine, precision] = evaluate_bundle(path, data, engine=engine, precision=precision)
    on_progress("scoring", 1.0)
    timed = benchmark(
        path, cases, steps=TIMED_STEPS, on_progress=lambda done: on_progress("timing", done / len(cases))
    )
    reference = evaluations[_REFERENCE]
    rows = []
    for (engine, precision), row in zip(runnable, timed, strict=True):
        found = evaluations[engine, precision]
        auc = found.auc.micro_online
        member = bundle.graph(precision, "onnxruntime" if engine == "onnxruntime" else "tensorrt").member
        correlation, difference = _agreement(reference, found)
        rows.append(
            Compared(
                engine=row.engine,
                precision=precision,
                auc=auc if math.isfinite(auc) else None,
                score_correlation=correlation,
                max_abs_diff=difference,
                bytes=len(bundle.member(member)),
                p50_ms=row.p50_ms,
            )
        )
    return Comparison(tuple(rows), left_out)


def _candidates(bundle: Bundle) -> tuple[list[tuple[str, Precision]], dict[str, str]]:
    precisions = list(dict.fromkeys(graph.precision for graph in bundle.manifest.graphs))
    runnable: list[tuple[str, Precision]] = []
    left_out = {}
    for backend in BACKENDS:
        for precision in precisions:
            verdict = backend.fits(bundle, precision)
            if verdict.ok:
                runnable.append((backend.name, precision))
            else:
                left_out[f"{backend.name} {precision}"] = verdict.reason
    runnable.sort(key=lambda each: each != _REFERENCE)
    return runnable, left_out


def _agreement(reference: Evaluation, found: Evaluation) -> tuple[float, float]:
    """The lowest correlation of the cues and the largest difference, over frames both have scored."""
    correlations, differences = [], []
    for cue in reference.cues:
        before = np.concatenate([scores[cue] for scores in reference.cue_scores])
        after = np.concatenate([scores[cue] for scores in found.cue_scores])
        both = np.isfinite(before) & np.isfinite(after)
        differences.append(float(np.abs(before[both] - after[both]).max()))
        if before[both].std() > 0:
            correlations.append(correlation(before[both], after[both]))
    return min(correlations, default=1.0), max(differences)
