"""Whether lowered graphs hold on labelled clips what they promised on synthetic anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from vad_edge.bundle.manifest import Precision
from vad_edge.errors import DataError, EngineError
from vad_edge_export.gate import Cost
from vad_edge_export.package import Progress
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.evaluate import evaluate_bundle

Backend = Literal["onnxruntime", "tensorrt", "any"]


@dataclass(frozen=True, slots=True)
class Lowered:
    """One lowered graph: its size, what it costs, and the layers that were left in fp32."""

    precision: Precision
    backend: Backend
    bytes: int
    cost: Cost
    kept_fp32: tuple[str, ...]
    tested: dict[str, float] | None = None

    def measured(self) -> dict[str, float]:
        """What the manifest keeps of it."""
        return {f"trial_{name}": value for name, value in asdict(self.cost).items()} | (self.tested or {})


def has_labelled_clips(dataset: Dataset) -> bool:
    """Whether there is anything to confirm a graph on."""
    try:
        return bool(dataset.testing)
    except DataError:
        return False


def confirm(
    candidate: Path,
    data: Path,
    graphs: Sequence[Lowered],
    max_auc_drop: float,
    report: Progress,
    *,
    fine_tuned_from: Path | None = None,
) -> tuple[dict[str, float], list[Lowered]]:
    """AUC by protocol on the labelled clips of fp32, and `graphs` with that of those made for this machine.

    candidate is a bundle of fp32 and `graphs`; losses are counted from its fp32 graph, or from that of the
    bundle it was fine-tuned from. Raises EngineError for one that loses more than it may.
    """
    report("confirming", 0.0)
    full = evaluate_bundle(candidate, data, engine="onnxruntime", precision="fp32").auc.to_dict()
    original = full
    report("confirming", 0.5)
    if fine_tuned_from is not None:
        before = evaluate_bundle(fine_tuned_from, data, engine="onnxruntime", precision="fp32")
        original = before.auc.to_dict()
        _check("fine-tuned fp32", original, full, max_auc_drop)
    confirmed = []
    for lowered in graphs:
        if lowered.backend != "onnxruntime":
            confirmed.append(lowered)
            continue
        evaluation = evaluate_bundle(candidate, data, engine="onnxruntime", precision=lowered.precision)
        found = evaluation.auc.to_dict()
        _check(lowered.precision, original, found, max_auc_drop)
        confirmed.append(replace(lowered, tested=found))
    report("confirming", 1.0)
    return full, confirmed


def _check(what: str, original: dict[str, float], found: dict[str, float], max_auc_drop: float) -> None:
    lost = original["micro_online"] - found["micro_online"]
    if lost > max_auc_drop:
        raise EngineError(
            f"{what} loses {lost:.4f} of the online AUC {original['micro_online']:.4f} on the labelled clips,"
            f" more than {max_auc_drop:g}",
            fix="give more quantization data, or raise --max-auc-drop",
        )
