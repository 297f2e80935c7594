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
    candidate: Path, data: Path, graphs: Sequence[Lowered], max_auc_drop: float, report: Progress
) -> tuple[dict[str, float], list[Lowered]]:
    """AUC by protocol on the labelled clips of fp32, and `graphs` with that of those made for this machine.

    candidate is a bundle of fp32 and `graphs`. Raises EngineError for one that loses more than it may.
    """
    report("confirming", 0.0)
    original = evaluate_bundle(candidate, data, engine="onnxruntime", precision="fp32").auc.to_dict()
    report("confirming", 0.5)
    confirmed = []
    for lowered in graphs:
        if lowered.backend != "onnxruntime":
            confirmed.append(lowered)
            continue
        evaluation = evaluate_bundle(candidate, data, engine="onnxruntime", precision=lowered.precision)
        found = evaluation.auc.to_dict()
        lost = original["micro_online"] - found["micro_online"]
        if lost > max_auc_drop:
            raise EngineError(
                f"{lowered.precision} loses {lost:.4f} of the online AUC {original['micro_online']:.4f} on"
                f" the labelled clips, more than {max_auc_drop:g}",
                fix="give more quantization data, or raise --max-auc-drop",
            )
        confirmed.append(replace(lowered, tested=found))
    report("confirming", 1.0)
    return original, confirmed
