"""Every engine and precision of a bundle that can run here, on the same labelled frames."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.errors import DataError, EngineError
from vad_edge.inference.benchmark import Case, benchmark
from vad_edge.inference.select import BACKENDS
from vad_edge_export.quantize.gate import correlation
from vad_edge_training.evaluate.evaluate import Evaluation, evaluate_bundle
from vad_edge_training.fit.checkpoint import load_model
from vad_edge_training.fit.torch_engine import TorchEngine
from vad_edge_training.models.step import StepModel

TIMED_STEPS: Final = 100
_REFERENCE: Final = ("onnxruntime", "fp32")
_TORCH_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class Compared:
    """One engine at one precision.

    auc is the fused score's, online, by the graph's own calibration, None where the clips do not define it.
    score_correlation is the lowest of the cues' Pearson correlations with fp32 on ONNX Runtime, max_abs_diff
    the largest difference of a score from it; bytes are the graph's, or of torch's weights; p50_ms is a
    step's for one camera. member is the graph in the bundle, empty for torch.
    """

    engine: str
    precision: str
    member: str
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
    path: Path,
    data: Path,
    *,
    checkpoint: Path | None = None,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
) -> Comparison:
    """Score the labelled clips of `data` with each engine and precision of a bundle that can run here.

    checkpoint, what the bundle was exported from, adds torch itself. Raises DataError for a bundle or clips
    that cannot be evaluated, or another model's checkpoint; EngineError where fp32 cannot run.
    """
    bundle = read_bundle(path)
    model = None if checkpoint is None else _model_of(bundle, checkpoint)
    runnable, left_out = _candidates(bundle)
    if _REFERENCE not in runnable:
        name = " ".join(_REFERENCE)
        raise EngineError(f"{name} cannot run: {left_out.get(name, 'the bundle has no such graph')}")
    cases = [Case(engine, precision, 1) for engine, precision in runnable]
    rows = []
    reference = None
    for done, (case, (engine, precision)) in enumerate(zip(cases, runnable, strict=True)):
        on_progress("scoring", done / len(runnable))
        found = evaluate_bundle(path, data, engine=engine, precision=precision)
        reference = reference or found
        graph = bundle.graph(precision, "tensorrt" if engine.endswith("tensorrt") else "onnxruntime")
        (timed,) = benchmark(path, [case], steps=TIMED_STEPS)
        size = len(bundle.member(graph.member))
        rows.append(_row(timed.engine, precision, graph.member, size, timed.p50_ms, reference, found))
    if model is not None and reference is not None:
        rows.insert(0, _torch_row(path, data, bundle.graph("fp32"), model, reference))
    on_progress("scoring", 1.0)
    return Comparison(tuple(rows), left_out)


def keep_comparison(path: Path, output: Path, rows: Sequence[Compared]) -> None:
    """Write the bundle to `output`, unsigned, with each graph's rows in its manifest as ``engine.figure``."""
    bundle = read_bundle(path)
    manifest = bundle.manifest
    graphs = tuple(
        graph.model_copy(update={"measured": graph.measured | _figures(graph, rows)})
        for graph in manifest.graphs
    )
    members = {name: bundle.member(name) for name in manifest.members}
    write_bundle(output, manifest.model_copy(update={"graphs": graphs}), members)


def _figures(graph: Graph, rows: Sequence[Compared]) -> dict[str, float]:
    return {
        f"{row.engine.split()[0]}.{name}": float(value)
        for row in rows
        if row.member == graph.member
        for name in ("auc", "score_correlation", "max_abs_diff", "p50_ms")
        if (value := getattr(row, name)) is not None
    }


def _model_of(bundle: Bundle, checkpoint: Path) -> StepModel:
    model = load_model(checkpoint).step_module().eval()
    spec, manifest = model.spec, bundle.manifest
    mine = (spec.height, spec.width, spec.cues, set(spec.states))
    if mine != (manifest.height, manifest.width, manifest.cues, {state.name for state in manifest.states}):
        raise DataError(
            f"it is a {spec.name} of {spec.height}x{spec.width}, the bundle was made of another model",
            where=str(checkpoint),
            fix="give the checkpoint that the bundle was exported from",
        )
    return model


def _torch_row(path: Path, data: Path, graph: Graph, model: StepModel, reference: Evaluation) -> Compared:
    found = evaluate_bundle(path, data, engine=lambda: TorchEngine(model, graph, 1), precision="fp32")
    engine = TorchEngine(model, graph, 1)
    took = []
    for _ in range(_TORCH_STEPS):
        began = time.perf_counter()
        engine.step()
        took.append(time.perf_counter() - began)
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    return _row(engine.name, "fp32", "", size, 1000 * statistics.median(took), reference, found)


def _row(
    engine: str,
    precision: str,
    member: str,
    size: int,
    p50_ms: float,
    reference: Evaluation,
    found: Evaluation,
) -> Compared:
    auc = found.auc.micro_online
    correlation, difference = _agreement(reference, found)
    return Compared(
        engine=engine,
        precision=precision,
        member=member,
        auc=auc if math.isfinite(auc) else None,
        score_correlation=correlation,
        max_abs_diff=difference,
        bytes=size,
        p50_ms=p50_ms,
    )


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
