"""The footage that lowered graphs get their scales from, are judged on and are calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.video.clips import fingerprint
from vad_edge_export.footage import read_sequences
from vad_edge_export.quantize.gate import Trial, make_trial
from vad_edge_training.datasets.anomalies import MIN_FRAMES
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.fit.split import HELD_OUT

QUANTIZATION_SEQUENCES: Final = 8
QUANTIZATION_FRAMES: Final = 60
TRIAL_SEQUENCES: Final = 6
TRIAL_FRAMES: Final = 100


@dataclass(frozen=True, slots=True)
class Material:
    """Footage of a bundle's scene, by what it is for.

    sequences: uint8 (T, H, W, 3) each, for scales. trial: to judge on. held_out: the clips to calibrate on,
    without the first `skip` share of each; fps is their rate where they do not say it.
    """

    sequences: Sequence[NDArray[np.uint8]]
    trial: Trial
    held_out: Sequence[Path]
    skip: float
    fps: float | None


def gather(bundle: Bundle, dataset: Dataset) -> Material:
    """What `dataset` has for a bundle.

    Held out is what the bundle was calibrated on, all else is for scales; an only clip serves for both.
    Raises DataError for footage that will not do, SourceError for a clip that cannot be read.
    """
    clips, manifest = dataset.training, bundle.manifest
    calibration = bundle.graph("fp32").calibration
    prints = set(calibration.footage if calibration else ())
    held_out = [clip for clip in clips if fingerprint(clip) in prints] or list(clips)
    seen = [clip for clip in clips if clip not in held_out] or list(clips)
    clock, size = manifest.clock, (manifest.height, manifest.width)
    sequences = read_sequences(
        seen,
        clock,
        size=size,
        fps=dataset.fps,
        shortest=clock.warmup_frames + 10,
        longest=QUANTIZATION_FRAMES,
        most=QUANTIZATION_SEQUENCES,
    )
    trial = read_sequences(
        held_out,
        clock,
        size=size,
        fps=dataset.fps,
        shortest=clock.warmup_frames + MIN_FRAMES,
        longest=TRIAL_FRAMES,
        most=TRIAL_SEQUENCES,
    )
    # Of an only clip the export calibrates on the end, which the model was not fitted on.
    skip = 1 - HELD_OUT if len(clips) == 1 else 0.0
    return Material(sequences, make_trial(trial), held_out, skip, dataset.fps)
