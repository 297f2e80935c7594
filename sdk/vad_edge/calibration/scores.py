"""Normal footage to uninterrupted stretches of raw scores, scored by the very pipeline of a run."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.config.site import Polygon
from vad_edge.errors import DataError, EngineError, SourceError
from vad_edge.pipeline import RecordingScores, score_recording
from vad_edge.scoring.score_log import read_scores, unbroken
from vad_edge.video.clips import clips_of, fingerprint
from vad_edge.video.frame import SHAPE_FIX
from vad_edge.video.rate import FrameRateGate
from vad_edge.video.scene import Scene
from vad_edge.video.stream_options import AS_IT_COMES, StreamOptions
from vad_edge.video.validity import Light, Reason

Progress = Callable[[str, float, float], None]
"""Called with what is being done, how much of it is done, and how much there is."""

LEAST_SECONDS: Final = 30.0
TOLD_UNSCORED: Final = 0.05
"""So large a share of frames without a score is worth a note: there the footage does not show the scene."""

Hear = Callable[["Path | str", "list[Stretch]"], "list[Stretch]"]
"""Adds to a clip's stretches what the sensors said."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Scores of one uninterrupted part of a clip at the model's rate.

    clip names its source. time_s (T,) is the clip's own; scores (T, K) are NaN while warming up and for
    frames that may not be scored. heard (T, S) is what each sensor stream adds to the risk, NaN
    where it cannot be believed; None where there are no sensors.
    """

    clip: str
    time_s: NDArray[np.float64]
    scores: NDArray[np.float64]
    heard: NDArray[np.float64] | None = None

    def part(self, frames: slice | NDArray[np.bool_]) -> Stretch:
        """Some of its frames."""
        heard = None if self.heard is None else self.heard[frames]
        return Stretch(self.clip, self.time_s[frames], self.scores[frames], heard)


@dataclass(frozen=True, slots=True)
class ScoredFootage:
    """What a camera showed of normal life: its stretches, its clips' fingerprints, notes for people.

    graph is the one that scored all of it. views are what it looked at in the newest clips.
    """

    stretches: tuple[Stretch, ...]
    fingerprints: tuple[str, ...]
    notes: tuple[str, ...]
    graph: Graph
    views: Mapping[Light, Scene] = field(default_factory=dict)


def score_footage(
    bundle: Bundle,
    sources: Sequence[str],
    *,
    engine: str = "auto",
    precision: Precision | None = None,
    fps: float | None = None,
    options: StreamOptions = AS_IT_COMES,
    weight: NDArray[np.float32] | None = None,
    duration_s: float | None = None,
    stop: threading.Event | None = None,
    hear: Hear = lambda clip, stretches: stretches,
    on_progress: Progress = lambda what, done, total: None,
) -> ScoredFootage:
    """Score every clip of `sources`: files, folders of clips, cameras and URLs.

    weight is the camera's, (h, w). A live source is watched for duration_s, or until `stop` is set or it is
    lost. Clips come to `hear` in their order; one of several that cannot be read is left out with a note.
    Raises DataError for footage the model was fitted on, for too little of it and for a picture that never
    changes, SourceError where nothing can be read, EngineError.
    """
    notes: list[str] = []
    clips = [clip for source in sources for clip in _clips(source, duration_s)]
    prints = _unseen(bundle, clips, notes)
    stretches: list[Stretch] = []
    views: dict[Light, Scene] = {}
    counts: Counter[str] = Counter()
    squeezed: dict[str, str] = {}
    unread: SourceError | None = None
    graph: Graph | None = None
    for number, clip in enumerate(dict.fromkeys(clips)):
        if clip not in prints and isinstance(clip, Path):
            continue

        def report(done: int, total: int | None, number: int = number) -> None:
            if done % 50 == 0:
                share = done / total if total else 0.0
                on_progress("scoring", number + share, len(clips))

        live = not isinstance(clip, Path)
        try:
            recording = score_recording(
                bundle,
                clip,
                engine=engine,
                precision=precision,
                fps=fps,
                options=options,
                weight=weight,
                duration_s=duration_s if live else None,
                stop=stop if live else None,
                on_progress=report,
            )
        except SourceError as error:
            unread = error
            notes.append(f"left out: {error}")
            if isinstance(clip, Path):
                del prints[clip]
            continue
        if graph is not None and recording.graph != graph:
            raise EngineError(
                f"one clip was scored by {graph.member}, this one by {recording.graph.member}",
                where=str(clip),
                fix="name the engine with --engine and calibrate again",
            )
        graph = recording.graph
        views |= recording.views
        if recording.squeezed:
            squeezed.setdefault(recording.squeezed, str(clip))
        counts.update(recording.counts)
        if recording.truncated:
            notes.append(recording.truncated)
        if live and stop is not None and stop.is_set():
            notes.append(f"{clip} was watched until it was interrupted, and not for as long as was asked")
        stretches += hear(clip, list(cut_into_stretches(str(clip), recording, bundle)))
    on_progress("scoring", len(clips), len(clips))
    if unread is not None and not stretches:
        raise unread
    unscored = why_unscored(counts)
    _check(stretches, bundle, unscored)
    assert graph is not None, "no stretch without a recording"  # noqa: S101
    if counts["invalid"] > TOLD_UNSCORED * (counts["invalid"] + counts["scored"]):
        notes.append(f"{unscored}; what is wrong with the picture there is no normal life")
    notes += [f"{clip}: {fault}; {SHAPE_FIX}" for fault, clip in squeezed.items()]
    return ScoredFootage(tuple(stretches), tuple(prints.values()), tuple(notes), graph, views)


def why_unscored(counts: Mapping[str, int]) -> str:
    """How many frames got no score and why, in words; empty where all got one. counts are a pipeline's."""
    reasons = [(counts[reason], reason) for reason in get_args(Reason) if counts.get(reason)]
    if not reasons:
        return ""
    frames = counts.get("invalid", 0) + counts.get("scored", 0)
    each = ", ".join(f"{number} {reason}" for number, reason in sorted(reasons, reverse=True))
    return f"{counts['invalid']} of {frames} frames got no score ({each})"


def kept_footage(bundle: Bundle, path: Path) -> tuple[ScoredFootage, Sequence[Polygon]]:
    """What a device kept of its own camera's scores while it watched, and their ignore masks.

    Raises DataError for a file that is none, is of another graph or rate, or holds too little.
    """
    head, times, scores = read_scores(path)
    manifest = bundle.manifest
    graph = bundle.graph_of(head.graph_sha256)
    if graph is None or (head.fps, head.cues) != (manifest.clock.fps, manifest.cues):
        raise DataError(
            "its scores are of another graph or frame rate",
            where=str(path),
            fix="delete the file; the camera learns again",
        )
    found = [
        Stretch(path.stem, times[part], scores[part]) for part in unbroken(times, manifest.clock.max_gap_s)
    ]
    _check(found, bundle)
    return ScoredFootage(tuple(found), (), (), graph), head.masks


def cut_into_stretches(clip: str, recording: RecordingScores, bundle: Bundle) -> Iterator[Stretch]:
    """The parts of a recording between its gaps, at the model's rate."""
    clock = bundle.manifest.clock
    gate = FrameRateGate(clock.fps, clock.max_gap_s)
    gaps = np.array([gate.admit(float(time_s)).gap for time_s in recording.time_s], np.bool_)
    scores = np.where(recording.warm[:, None], recording.scores, np.nan)
    parts = np.split(np.arange(len(gaps)), np.flatnonzero(gaps))
    for part in parts:
        rows = part[recording.taken[part]]
        if len(rows):
            yield Stretch(clip, recording.time_s[rows], scores[rows])


def _clips(source: str, duration_s: float | None) -> Sequence[Path | str]:
    if source.isdigit() or "://" in source or source.startswith(("gst:", "csi")):
        if duration_s is None:
            raise SourceError(
                "a live source has no end", where=source, fix="say how long to watch it with --duration 24h"
            )
        return [source]
    return clips_of(Path(source))


def _unseen(bundle: Bundle, clips: Sequence[Path | str], notes: list[str]) -> dict[Path, str]:
    """The fingerprint of each file, every content once. Raises DataError for what the model was fitted on."""
    fitted = bundle.manifest.provenance.fitted_footage
    files = [clip for clip in clips if isinstance(clip, Path)]
    if not fitted and files:
        notes.append(
            "the bundle does not list the footage its model was fitted on, so it was not checked that this is"
            " other footage; fitted footage looks calmer than life and makes false alarms"
        )
    found: dict[Path, str] = {}
    for clip in files:
        digest = fingerprint(clip)
        if digest in fitted:
            raise DataError(
                "the model was fitted on this footage, so it would look calmer than life",
                where=str(clip),
                fix="calibrate on footage that was not used in training",
            )
        if digest in found.values():
            notes.append(f"{clip} is there twice and counts once")
        else:
            found[clip] = digest
    return found


def _check(stretches: Sequence[Stretch], bundle: Bundle, unscored: str = "") -> None:
    """Refuse footage that cannot teach what is normal; unscored says why frames got no score."""
    rows = np.concatenate([stretch.scores for stretch in stretches]) if stretches else np.empty((0, 1))
    scored = rows[np.isfinite(rows).all(axis=1)]
    seconds = len(scored) / bundle.manifest.clock.fps
    if seconds < LEAST_SECONDS:
        raise DataError(
            f"{seconds:.0f} s of footage got a score, {LEAST_SECONDS:.0f} s are the least"
            + (f": {unscored}" if unscored else ""),
            fix="give more normal life: an hour is a beginning, a budget of 1/week takes days",
        )
    if (np.ptp(scored, axis=0) <= 1e-6 * np.abs(scored).max(axis=0)).all():
        raise DataError(
            "every frame of this footage scores the same: nothing moves in it",
            fix="give footage of the scene's life; is the camera frozen or covered?",
        )
