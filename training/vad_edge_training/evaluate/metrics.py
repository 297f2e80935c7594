"""Frame-level accuracy under named protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

PROTOCOL = (
    "micro_online: raw causal scores of all clips in one ROC, what a live camera can do. "
    "micro_per_clip: the same after min-max within each clip, as papers do; it needs the whole clip. "
    "macro: mean of the clips' own AUCs, over clips that have both classes. "
    "paper: micro_per_clip of the published mixture of cues, each min-max'd within its clip. "
    "average_precision, equal_error_rate: of raw scores. "
    "rbdc, tbdc: regions of the raw error map found at an overlap of 0.1, and tracks found in a tenth of "
    "their frames, as areas under the curve up to one false region a frame; regions and tracks are connected "
    "parts of the masks, at the map's resolution."
)


K_FOLD_PROTOCOL = (
    " fold: the model has seen that part of the labelled anomalies in training; frames within a clip's "
    "length of them are left out. Not comparable with one-class figures."
)


@dataclass(frozen=True, slots=True)
class FrameAuc:
    """Areas under the ROC curve of frame scores; NaN where a protocol is undefined."""

    micro_online: float
    micro_per_clip: float
    macro: float

    def to_dict(self) -> dict[str, float]:
        """The values by protocol."""
        return asdict(self)


def frame_auc(scores: Sequence[FloatArray], truth: Sequence[BoolArray]) -> FrameAuc:
    """AUC of one score under the three protocols.

    scores and truth hold one array for each clip, (T,), of equal lengths; every score is finite. Raises
    ValueError when a clip's lengths differ.
    """
    for clip_scores, clip_truth in zip(scores, truth, strict=True):
        if len(clip_scores) != len(clip_truth):
            raise ValueError(f"{len(clip_scores)} scores for {len(clip_truth)} labels")
    everything = np.concatenate(truth)
    per_clip = [auc for auc in clip_aucs(scores, truth) if auc is not None]
    return FrameAuc(
        micro_online=_auc(everything, np.concatenate(scores)),
        micro_per_clip=_auc(everything, np.concatenate([_min_max(clip) for clip in scores])),
        macro=float(np.mean(per_clip)) if per_clip else float("nan"),
    )


def clip_aucs(scores: Sequence[FloatArray], truth: Sequence[BoolArray]) -> list[float | None]:
    """Each clip's own AUC; None for a clip of one class, where it is not defined."""
    return [
        _auc(clip_truth, clip_scores) if _has_both(clip_truth) else None
        for clip_scores, clip_truth in zip(scores, truth, strict=True)
    ]


def average_precision(scores: Sequence[FloatArray], truth: Sequence[BoolArray]) -> float:
    """Average precision of the raw scores of all clips; NaN without an abnormal frame."""
    everything = np.concatenate(truth)
    if not everything.any():
        return float("nan")
    return float(average_precision_score(everything, np.concatenate(scores)))


def equal_error_rate(scores: Sequence[FloatArray], truth: Sequence[BoolArray]) -> float:
    """Where as many normal as abnormal frames are judged wrongly, by raw scores; NaN with one class only."""
    everything = np.concatenate(truth)
    if not _has_both(everything):
        return float("nan")
    false_alarms, found, _ = roc_curve(everything, np.concatenate(scores))
    return float(np.interp(0.0, false_alarms - (1.0 - found), false_alarms))


def mixture_auc(
    cues: Sequence[Mapping[str, FloatArray]], weights: Mapping[str, float], truth: Sequence[BoolArray]
) -> float:
    """AUC of all clips of a weighted sum of cues, each min-max'd within its clip; NaN with one class only.

    cues holds each clip's cues by name, (T,) each.
    """
    mixed = [
        np.sum([weight * _min_max(clip[name]) for name, weight in weights.items()], axis=0) for clip in cues
    ]
    return _auc(np.concatenate(truth), np.concatenate(mixed))


def _auc(truth: BoolArray, scores: FloatArray) -> float:
    return float(roc_auc_score(truth, scores)) if _has_both(truth) else float("nan")


def _has_both(truth: BoolArray) -> bool:
    return bool(truth.any()) and not bool(truth.all())


def _min_max(scores: FloatArray) -> FloatArray:
    if len(scores) == 0:
        return scores
    span = float(scores.max() - scores.min())
    return (scores - scores.min()) / span if span > 0 else np.zeros_like(scores)
