"""Which cues of a model count on a camera, by what they make of synthetic anomalies in its own footage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import SUM_OF_ALL, Joining
from vad_edge.scoring.tail import fit_calibration, joint_surprise
from vad_edge_export.footage import read_pieces
from vad_edge_export.quantize.gate import scores_of
from vad_edge_training.datasets.anomalies import KINDS, MIN_FRAMES, Flags, with_anomaly
from vad_edge_training.evaluate.metrics import frame_auc

PIECES: Final = 12
PIECE_FRAMES: Final = 100

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """How a bundle's cues are joined, and how well that tells synthetic anomalies in held-out footage.

    auc is online, NaN where there was too little footage to choose by.
    """

    joining: Joining
    auc: float

    def __str__(self) -> str:
        """For people: what counts, and by what it was chosen."""
        if math.isnan(self.auc):
            return "all cues: too little footage to choose by"
        counted = " and ".join(self.joining.counted)
        joined = f", joined by {self.joining.norm}" if len(self.joining.counted) > 1 else ""
        return f"{counted}{joined}; synthetic anomalies told at AUC {self.auc:.3f}"


def choose_cues(
    bundle: Bundle,
    clips: Sequence[Path],
    *,
    fps: float | None,
    skip: float = 0.0,
    report: Callable[[str, float], None] = lambda stage, share: None,
) -> Choice:
    """Try `bundle`'s fp32 graph on pieces of normal life, each with every kind of synthetic anomaly.

    clips are normal and were not fitted on, apart from the first `skip` share of each. Raises SourceError for
    one that cannot be read, EngineError for a score that is no number.
    """
    manifest, graph = bundle.manifest, bundle.graph("fp32")
    clock = manifest.clock
    pieces = read_pieces(
        clips,
        clock,
        size=(manifest.height, manifest.width),
        fps=fps,
        skip=skip,
        shortest=clock.warmup_frames + MIN_FRAMES,
        longest=PIECE_FRAMES,
        most=PIECES,
    )
    normal: list[FloatArray] = []
    spoiled: list[FloatArray] = []
    truth: list[Flags] = []
    for done, piece in enumerate(pieces):
        report("cues", done / PIECES)
        normal.append(scores_of(bundle, graph, piece)[clock.warmup_frames :])
        for kind in range(KINDS):
            frames, flags = with_anomaly(piece, kind)
            spoiled.append(scores_of(bundle, graph, frames)[clock.warmup_frames :])
            truth.append(np.roll(flags, clock.delay_frames)[clock.warmup_frames :])
    report("cues", 1.0)
    if not normal:
        return Choice(SUM_OF_ALL, math.nan)
    return choose_joining(normal, spoiled, truth, manifest.cues, fps=clock.fps)


def choose_joining(
    normal: Sequence[FloatArray],
    spoiled: Sequence[FloatArray],
    truth: Sequence[Flags],
    cues: Sequence[str],
    *,
    fps: float,
) -> Choice:
    """The cues that together tell abnormal frames best; more of them where that is as good.

    normal and spoiled hold scores, (T, K) each with a column for each cue, truth the spoiled frames that are
    abnormal. Raises DataError for too few normal scores.
    """
    tails = fit_calibration(np.concatenate(normal), cues, fps=fps).cues
    choices = []
    for joining in _candidates(cues):
        joint = [joint_surprise(joining, tails, scores) for scores in spoiled]
        choices.append(Choice(joining, frame_auc(joint, truth).micro_online))
    return max(choices, key=lambda choice: (choice.auc, len(choice.joining.counted)))


def _candidates(cues: Sequence[str]) -> list[Joining]:
    return [
        Joining(counted=counted, norm="root")
        for size in range(1, len(cues) + 1)
        for counted in combinations(cues, size)
    ]
