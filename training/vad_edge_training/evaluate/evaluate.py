"""How well a bundle tells normal from abnormal, beside what needs no learning."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.bundle.manifest import Manifest, Precision
from vad_edge.errors import ConfigError, DataError, PluginError
from vad_edge.inference.engine import Engine
from vad_edge.pipeline import score_recording
from vad_edge_training.datasets.dataset import Dataset, clip_name
from vad_edge_training.datasets.folds import Fold, evaluated, events_of_fold, split_events
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.evaluate.baseline_scores import BaselineScores
from vad_edge_training.evaluate.bootstrap import Difference, paired_difference
from vad_edge_training.evaluate.localization import Localization, localization
from vad_edge_training.evaluate.metrics import (
    K_FOLD_PROTOCOL,
    PROTOCOL,
    FrameAuc,
    average_precision,
    clip_aucs,
    equal_error_rate,
    frame_auc,
    mixture_auc,
)
from vad_edge_training.fit.progress import Progress, silent

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found; all scores compared on the very same frames.

    auc is of the fused score: the calibrated total surprise. cues and baselines are AUCs by name, ahead says
    how much better than each baseline the fused score is. paper is
    the AUC of the published mixture of cues, NaN for a model without one. clips names the testing clips,
    per_clip holds the fused score's AUC in each, None where a clip has one class only. skipped_frames had no
    score: warm-up, frames the resampler left out, invalid ones. fold is the part of the labelled anomalies
    that the model has seen and that was left out, with left_out_frames frames. localization is None where
    there are no masks. scores, cue_scores and truth hold one array a clip, for every frame.
    """

    bundle: Path
    data: str
    synthetic: bool
    auc: FrameAuc
    average_precision: float
    equal_error_rate: float
    paper: float
    localization: Localization | None
    fold: Fold | None
    cues: dict[str, FrameAuc]
    baselines: dict[str, FrameAuc]
    ahead: dict[str, Difference]
    clips: tuple[str, ...]
    per_clip: tuple[float | None, ...]
    frames: int
    abnormal_frames: int
    skipped_frames: int
    left_out_frames: int
    scores: tuple[FloatArray, ...] = field(repr=False)
    cue_scores: tuple[dict[str, FloatArray], ...] = field(repr=False)
    truth: tuple[BoolArray, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain values for machines; what is undefined is null."""
        return {
            "bundle": str(self.bundle),
            "data": self.data,
            "synthetic": self.synthetic,
            "protocol": PROTOCOL + (K_FOLD_PROTOCOL if self.fold else ""),
            "auc": _plain(self.auc),
            "average_precision": _number(self.average_precision),
            "equal_error_rate": _number(self.equal_error_rate),
            "paper": _number(self.paper),
            "rbdc": _number(self.localization.rbdc) if self.localization else None,
            "tbdc": _number(self.localization.tbdc) if self.localization else None,
            "fold": str(self.fold) if self.fold else None,
            "cues": {name: _plain(auc) for name, auc in self.cues.items()},
            "baselines": {name: _plain(auc) for name, auc in self.baselines.items()},
            "ahead": {name: difference.to_dict() for name, difference in self.ahead.items()},
            "frames": self.frames,
            "abnormal_frames": self.abnormal_frames,
            "skipped_frames": self.skipped_frames,
            "left_out_frames": self.left_out_frames,
            "clips_in_macro": sum(auc is not None for auc in self.per_clip),
            "per_clip": dict(zip(self.clips, self.per_clip, strict=True)),
        }


@dataclass(frozen=True)
class _ClipScores:
    """One testing clip: the fused score, each cue's and each baseline's, (T,) each, maps, labels and masks.

    remaining says which frames the model has not been trained on.
    """

    fused: FloatArray
    cues: dict[str, FloatArray]
    baselines: dict[str, FloatArray]
    maps: list[NDArray[np.float32] | None]
    truth: BoolArray
    masks: BoolArray | None
    remaining: BoolArray

    @property
    def valid(self) -> BoolArray:
        return np.isfinite(self.fused) & self.remaining


def evaluate_bundle(
    bundle: Path,
    data: Path,
    *,
    with_baselines: bool = False,
    engine: str | Callable[[], Engine] = "auto",
    precision: Precision | None = None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Score every testing clip of `data` as a run would, and compare with its labels.

    engine is as for `score_recording`. with_baselines scores the same frames without any learning, against
    the median of the training clips. A model that has seen labelled anomalies is not tested on them, nor near
    them. Raises DataError for a graph that might run and has no calibration, and where labels and clips do
    not fit; BundleError and EngineError as `open_engine` does.
    """
    opened = read_bundle(bundle)
    _check_calibrated(opened, precision)
    folder = open_dataset(data)
    report = on_progress or silent
    baselines = BaselineScores(folder, report) if with_baselines else None
    remaining = _remaining(opened.manifest, folder)
    clips = []
    for done, clip in enumerate(folder.testing):
        report("scoring", done, len(folder.testing))
        clips.append(_score(opened, folder, clip, remaining[done], baselines, engine, precision))
    report("scoring", len(clips), len(clips))
    return _summarise(bundle, opened.manifest, folder, clips)


def _check_calibrated(bundle: Bundle, precision: Precision | None) -> None:
    """Raise DataError where a graph that may run has no calibration; the engine chooses among them."""
    for graph in bundle.manifest.graphs:
        if precision in (None, graph.precision) and graph.calibration is None:
            raise DataError(
                f"its {graph.precision} graph has no calibration",
                where=str(bundle.path),
                fix="export it with --data of normal footage",
            )


def _remaining(manifest: Manifest, folder: Dataset) -> list[BoolArray]:
    """Which frames of each testing clip the model was not trained on."""
    labels = [folder.labels(clip) for clip in folder.testing]
    fold = manifest.provenance.fold
    trained = events_of_fold(split_events(labels), Fold.parse(fold)) if fold else []
    rate = max((folder.fps or manifest.clock.fps) / manifest.clock.fps, 1.0)
    return evaluated(labels, trained, margin=math.ceil(rate * (manifest.clock.warmup_frames + 1)))


def _summarise(bundle: Path, manifest: Manifest, folder: Dataset, clips: Sequence[_ClipScores]) -> Evaluation:
    origin = manifest.provenance
    truth = [clip.truth[clip.valid] for clip in clips]
    fused = [clip.fused[clip.valid] for clip in clips]

    def auc_of(part: str) -> dict[str, FrameAuc]:
        names = getattr(clips[0], part)
        return {
            name: frame_auc([getattr(clip, part)[name][clip.valid] for clip in clips], truth)
            for name in names
        }

    unscored = sum(int((clip.remaining & ~clip.valid).sum()) for clip in clips)
    cues = [{name: cue[clip.valid] for name, cue in clip.cues.items()} for clip in clips]
    weights = _paper_weights(origin.model)
    return Evaluation(
        bundle=bundle,
        data=folder.name,
        synthetic=folder.synthetic,
        auc=frame_auc(fused, truth),
        average_precision=average_precision(fused, truth),
        equal_error_rate=equal_error_rate(fused, truth),
        paper=mixture_auc(cues, weights, truth) if weights else math.nan,
        localization=_localization(clips),
        fold=Fold.parse(origin.fold) if origin.fold else None,
        cues=auc_of("cues"),
        baselines=auc_of("baselines"),
        ahead=_ahead(fused, clips, truth, folder.fps or manifest.clock.fps),
        clips=tuple(clip_name(clip) for clip in folder.testing),
        per_clip=tuple(clip_aucs(fused, truth)),
        frames=sum(len(flags) for flags in truth),
        abnormal_frames=int(sum(flags.sum() for flags in truth)),
        skipped_frames=unscored,
        left_out_frames=sum(int((~clip.remaining).sum()) for clip in clips),
        scores=tuple(np.where(clip.valid, clip.fused, np.nan) for clip in clips),
        cue_scores=tuple(clip.cues for clip in clips),
        truth=tuple(clip.truth for clip in clips),
    )


def _ahead(
    fused: Sequence[FloatArray], clips: Sequence[_ClipScores], truth: Sequence[BoolArray], fps: float
) -> dict[str, Difference]:
    """How far the fused score is ahead of each baseline; empty where all frames are of one kind."""
    everything = np.concatenate(truth)
    if everything.all() or not everything.any():
        return {}
    return {
        name: paired_difference(fused, [clip.baselines[name][clip.valid] for clip in clips], truth, fps=fps)
        for name in clips[0].baselines
    }


def _paper_weights(model: str) -> Mapping[str, float]:
    """How the paper of a model mixes its cues; empty for a model that is not known here."""
    from vad_edge_training.models.registry import model_type

    try:
        return model_type(model).card.paper_score
    except (ConfigError, PluginError):
        return {}


def _localization(clips: Sequence[_ClipScores]) -> Localization | None:
    masked = [clip for clip in clips if clip.masks is not None]
    maps = [
        [found if valid else None for found, valid in zip(clip.maps, clip.valid, strict=True)]
        for clip in masked
    ]
    return localization(maps, [clip.masks for clip in masked if clip.masks is not None])


def _score(
    bundle: Bundle,
    folder: Dataset,
    clip: Path,
    remaining: BoolArray,
    baselines: BaselineScores | None,
    engine: str | Callable[[], Engine],
    precision: Precision | None,
) -> _ClipScores:
    truth = folder.labels(clip)
    masks = folder.masks(clip)
    scored = score_recording(
        bundle, clip, engine=engine, precision=precision, fps=folder.fps, with_maps=masks is not None
    )
    if scored.truncated or len(scored.time_s) != len(truth):
        raise DataError(
            f"{len(truth)} labels for {len(scored.time_s)} frames",
            where=str(clip),
            fix=scored.truncated or "label every frame once",
        )
    cues = {name: scored.scores[:, column] for column, name in enumerate(bundle.manifest.cues)}
    found = baselines.scores(clip) if baselines is not None else {}
    return _ClipScores(scored.surprise, cues, found, list(scored.error_maps), truth, masks, remaining)


def _plain(auc: FrameAuc) -> dict[str, float | None]:
    return {name: _number(value) for name, value in auc.to_dict().items()}


def _number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None
