"""An evaluation as files: its numbers, each clip's score over time, and the ROC curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import roc_curve

from vad_edge_training.evaluate.evaluate import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_evaluation(found: Evaluation, folder: Path) -> None:
    """Leave ``evaluation.json``, ``roc.png`` and ``curves/CLIP.png`` in `folder`."""
    (folder / "curves").mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.to_json(), indent=2) + "\n"
    (folder / "evaluation.json").write_text(text, encoding="utf-8")
    draw_roc(found, folder / "roc.png")
    for place, clip in enumerate(found.clips):
        draw_clip(found, place, folder / "curves" / f"{clip}.png")


def draw_clip(found: Evaluation, place: int, path: Path) -> None:
    """Draw one testing clip: the fused score and each cue over its frames, abnormal frames shaded."""
    from matplotlib.figure import Figure

    cues = found.cue_scores[place]
    figure = Figure(figsize=(8, 1.6 * (1 + len(cues))), layout="constrained")
    rows = figure.subplots(1 + len(cues), 1, sharex=True, squeeze=False)[:, 0]
    fused = found.scores[place]
    for axes, (name, scores) in zip(rows, [("fused", fused), *cues.items()], strict=True):
        axes.plot(np.where(np.isfinite(fused), scores, np.nan), linewidth=1)
        axes.set_ylabel(name)
        _shade(axes, found.truth[place])
    auc = found.per_clip[place]
    known = "one class only" if auc is None else f"AUC {auc:.3f}"
    rows[0].set_title(f"clip {found.clips[place]} of {found.data}, raw causal scores, {known}")
    rows[-1].set_xlabel("frame; abnormal by the labels where shaded")
    figure.savefig(path, dpi=100)


def draw_roc(found: Evaluation, path: Path) -> None:
    """Draw the ROC curve of the fused score, raw scores of all clips."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    valid = [np.isfinite(scores) for scores in found.scores]
    truth = np.concatenate([flags[ok] for flags, ok in zip(found.truth, valid, strict=True)])
    scores = np.concatenate([clip[ok] for clip, ok in zip(found.scores, valid, strict=True)])
    if truth.any() and not truth.all():
        false_alarms, detected, _ = roc_curve(truth, scores)
        axes.plot(false_alarms, detected)
    axes.plot([0, 1], [0, 1], linewidth=0.5, color="grey")
    axes.set(
        xlabel="normal frames judged abnormal",
        ylabel="abnormal frames found",
        title=f"{found.data}, online: AUC {found.auc.micro_online:.3f}",
    )
    figure.savefig(path, dpi=100)


def _shade(axes: Axes, truth: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    edges = np.flatnonzero(np.diff(truth.astype(np.int8), prepend=0, append=0))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        axes.axvspan(begin - 0.5, end - 0.5, alpha=0.2, color="tab:red", linewidth=0)
