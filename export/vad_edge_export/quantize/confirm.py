"""Whether lowered graphs hold on labelled clips what they promised on synthetic anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vad_edge.errors import DataError, EngineError
from vad_edge_export.package import Progress
from vad_edge_export.quantize.outcome import Lowered, Refused, graph_title
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.evaluate.evaluate import evaluate_bundle


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
) -> tuple[dict[str, float], list[Lowered | Refused]]:
    """AUC by protocol on the labelled clips of fp32, and `graphs` with that of those made for this machine.

    One of these that loses more than it may is refused. candidate is a bundle of fp32 and `graphs`; losses
    are counted from its fp32 graph, or from that of the bundle it was fine-tuned from. Raises EngineError
    where the fine-tuned fp32 graph itself loses more, since all others are of the same weights.
    """
    report("confirming", 0.0)
    full = evaluate_bundle(candidate, data, engine="onnxruntime", precision="fp32").auc.to_dict()
    original = full
    report("confirming", 0.5)
    if fine_tuned_from is not None:
        before = evaluate_bundle(fine_tuned_from, data, engine="onnxruntime", precision="fp32")
        original = before.auc.to_dict()
        _check_fine_tuned(original, full, max_auc_drop)
    confirmed: list[Lowered | Refused] = []
    for lowered in graphs:
        if lowered.backend != "onnxruntime":
            confirmed.append(lowered)
            continue
        evaluation = evaluate_bundle(candidate, data, engine="onnxruntime", precision=lowered.precision)
        confirmed.append(_judged(lowered, original, evaluation.auc.to_dict(), max_auc_drop))
    report("confirming", 1.0)
    return full, confirmed


def _check_fine_tuned(original: dict[str, float], found: dict[str, float], max_auc_drop: float) -> None:
    if _lost(original, found) > max_auc_drop:
        raise EngineError(
            _too_much("fine-tuned fp32", original, found, max_auc_drop),
            fix="do without --fine-tune, or raise --max-auc-drop",
        )


def _judged(
    lowered: Lowered, original: dict[str, float], found: dict[str, float], max_auc_drop: float
) -> Lowered | Refused:
    if _lost(original, found) > max_auc_drop:
        title = graph_title(lowered.precision, lowered.backend)
        return Refused(
            lowered.precision,
            lowered.backend,
            _too_much(title, original, found, max_auc_drop),
            fix="give more quantization data, or raise --max-auc-drop",
        )
    return replace(lowered, tested=found)


def _lost(original: dict[str, float], found: dict[str, float]) -> float:
    return original["micro_online"] - found["micro_online"]


def _too_much(what: str, original: dict[str, float], found: dict[str, float], max_auc_drop: float) -> str:
    return (
        f"{what} loses {_lost(original, found):.4f} of the online AUC {original['micro_online']:.4f} on the"
        f" labelled clips, more than {max_auc_drop:g}"
    )
