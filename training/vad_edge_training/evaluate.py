"""How well a bundle tells normal from abnormal, beside what needs no learning. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.errors import DataError
from vad_edge.pipeline import score_recording
from vad_edge_training.baselines import Gray, baselines, median_background, score_clip
from vad_edge_training.datasets.clips import ClipFolder, clip_name
from vad_edge_training.metrics import PROTOCOL, FrameAuc, average_precision, clip_aucs, frame_auc
from vad_edge_training.progress import Progress, silent

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BACKGROUND_FRAMES = 400


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found; all scores compared on the very same frames.

    auc is of the fused score: the calibrated total surprise. cues and baselines are AUCs by name. clips names
    the testing clips, per_clip holds the fused score's AUC in each, None where a clip has one class only.
    skipped_frames had no score: warm-up, frames the resampler left out, invalid ones.
    """

    bundle: Path
    data: str
    synthetic: bool
    auc: FrameAuc
    average_precision: float
    cues: dict[str, FrameAuc]
    baselines: dict[str, FrameAuc]
    clips: tuple[str, ...]
    per_clip: tuple[float | None, ...]
    frames: int
    abnormal_frames: int
    skipped_frames: int
    scores: tuple[FloatArray, ...] = field(repr=False)
    truth: tuple[BoolArray, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain values for machines; what is undefined is null."""
        return {
            "bundle": str(self.bundle),
            "data": self.data,
            "synthetic": self.synthetic,
            "protocol": PROTOCOL,
            "auc": _plain(self.auc),
            "average_precision": _number(self.average_precision),
            "cues": {name: _plain(auc) for name, auc in self.cues.items()},
            "baselines": {name: _plain(auc) for name, auc in self.baselines.items()},
            "frames": self.frames,
            "abnormal_frames": self.abnormal_frames,
            "skipped_frames": self.skipped_frames,
            "clips_in_macro": sum(auc is not None for auc in self.per_clip),
            "per_clip": dict(zip(self.clips, self.per_clip, strict=True)),
        }


@dataclass(frozen=True)
class _ClipScores:
    """One testing clip: the fused score, each cue's and each baseline's, (T,) each, and the labels."""

    fused: FloatArray
    cues: dict[str, FloatArray]
    baselines: dict[str, FloatArray]
    truth: BoolArray

    @property
    def valid(self) -> BoolArray:
        return np.isfinite(self.fused)


def evaluate_bundle(
    bundle: Path,
    data: Path,
    *,
    with_baselines: bool = False,
    engine: str = "auto",
    on_progress: Progress | None = None,
) -> Evaluation:
    """Score every testing clip of `data` as a run would, and compare with its labels.

    with_baselines scores the same frames without any learning, against the median of the training clips.
    Raises BundleError for a bundle without calibration, DataError where labels and clips do not fit.
    """
    opened = read_bundle(bundle)
    if opened.manifest.calibration is None:
        raise DataError(
            "the bundle has no calibration", where=str(bundle), fix="export it with --data of normal footage"
        )
    folder = ClipFolder(data)
    report = on_progress or silent
    background = _background(folder, report) if with_baselines else None
    clips = []
    for done, clip in enumerate(folder.testing):
        report("scoring", done, len(folder.testing))
        clips.append(_score(opened, folder, clip, background, engine))
    report("scoring", len(clips), len(clips))
    return _summarise(bundle, folder, clips)


def _summarise(bundle: Path, folder: ClipFolder, clips: Sequence[_ClipScores]) -> Evaluation:
    truth = [clip.truth[clip.valid] for clip in clips]
    fused = [clip.fused[clip.valid] for clip in clips]

    def auc_of(part: str) -> dict[str, FrameAuc]:
        names = getattr(clips[0], part)
        return {
            name: frame_auc([getattr(clip, part)[name][clip.valid] for clip in clips], truth)
            for name in names
        }

    total = sum(len(clip.truth) for clip in clips)
    return Evaluation(
        bundle=bundle,
        data=folder.name,
        synthetic=folder.synthetic,
        auc=frame_auc(fused, truth),
        average_precision=average_precision(fused, truth),
        cues=auc_of("cues"),
        baselines=auc_of("baselines"),
        clips=tuple(clip_name(clip) for clip in folder.testing),
        per_clip=tuple(clip_aucs(fused, truth)),
        frames=sum(len(flags) for flags in truth),
        abnormal_frames=int(sum(flags.sum() for flags in truth)),
        skipped_frames=total - sum(len(flags) for flags in truth),
        scores=tuple(clip.fused for clip in clips),
        truth=tuple(clip.truth for clip in clips),
    )


def _score(
    bundle: Bundle, folder: ClipFolder, clip: Path, background: NDArray[np.float32] | None, engine: str
) -> _ClipScores:
    truth = folder.labels(clip)
    scored = score_recording(bundle, clip, engine=engine, fps=folder.fps)
    if scored.truncated or len(scored.time_s) != len(truth):
        raise DataError(
            f"{len(truth)} labels for {len(scored.time_s)} frames",
            where=str(clip),
            fix=scored.truncated or "label every frame once",
        )
    cues = {name: scored.scores[:, column] for column, name in enumerate(bundle.manifest.cues)}
    found = {}
    if background is not None:
        gray = list(_gray_frames(folder, clip, background.shape))
        found = {baseline.name: score_clip(baseline, gray) for baseline in baselines(background)}
    return _ClipScores(scored.surprise, cues, found, truth)


def _background(folder: ClipFolder, report: Progress) -> NDArray[np.float32]:
    clips = folder.training
    samples: list[list[Gray]] = []
    size = None
    for done, clip in enumerate(clips):
        report("background", done, len(clips))
        sample = _thinned(_gray_frames(folder, clip, size), most=max(BACKGROUND_FRAMES // len(clips), 1))
        if not sample:
            raise DataError("the clip has no frames", where=str(clip), fix="remove it, or record it again")
        size = sample[0].shape
        samples.append(sample)
    report("background", len(clips), len(clips))
    return median_background(samples, every=1)


def _thinned(frames: Iterable[Gray], most: int) -> list[Gray]:
    """At most `most` frames, evenly spaced, without ever holding many more."""
    kept: list[Gray] = []
    every = 1
    for index, frame in enumerate(frames):
        if index % every == 0:
            kept.append(frame)
        if len(kept) > most:
            del kept[1::2]
            every *= 2
    return kept


def _gray_frames(folder: ClipFolder, clip: Path, size: tuple[int, ...] | None) -> Iterator[Gray]:
    """The frames of a clip in grey, all of one size: the given one, or the first frame's."""
    for frame in folder.frames(clip):
        gray = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), np.uint8)
        size = size or gray.shape
        if gray.shape != size:
            height, width = gray.shape
            raise DataError(
                f"frame {frame.index} is {height}x{width}, those before it were {size[0]}x{size[1]}",
                where=str(clip),
                fix="baselines compare clips of one scene and one size; leave them out, or this clip",
            )
        yield gray


def _plain(auc: FrameAuc) -> dict[str, float | None]:
    return {name: _number(value) for name, value in auc.to_dict().items()}


def _number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None
