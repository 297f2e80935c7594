"""Raw scores of a live camera to its surprise, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.calibration import Calibration
from vad_edge.errors import BundleError
from vad_edge.scoring.tail import counted_cues, join, score_surprise


@dataclass(frozen=True, slots=True)
class Surprise:
    """Calibrated scores of one frame.

    A surprise is -log10 of the chance that a frame of normal footage scores as high: 0 is ordinary,
    3 is one frame in a thousand. cues maps the name of each cue that counts to its own; total is the frame's,
    calibrated over the joint of the cues, not their sum.
    """

    time_s: float
    total: float
    cues: Mapping[str, float]


class Scorer:
    """Turns score rows into surprises; keeps nothing between frames.

    cues names the columns of a row, in order. Raises BundleError if the calibration lacks one of them.
    """

    def __init__(self, calibration: Calibration, cues: Sequence[str]) -> None:
        missing = [cue for cue in cues if cue not in calibration.cues]
        if missing:
            raise BundleError(
                f"the calibration has no cue {', '.join(missing)}, only {', '.join(calibration.cues)}",
                fix="calibrate again with this model",
            )
        counted = set(counted_cues(calibration.joining, cues))
        self._tails = [
            (column, cue, calibration.cues[cue]) for column, cue in enumerate(cues) if cue in counted
        ]
        self._columns = len(cues)
        self._joining = calibration.joining
        self._total = calibration.total

    def surprise(self, time_s: float, score: NDArray[np.floating]) -> Surprise:
        """How rare `score` is.

        score: (K,), finite. Raises ValueError for another length or a value that is not finite: whoever
        runs the model checks that first and drops such a frame.
        """
        values = score.tolist()
        if len(values) != self._columns:
            raise ValueError(f"{len(values)} scores for {self._columns} cues")
        if not all(map(math.isfinite, values)):
            raise ValueError(f"the score at {time_s:.3f} s is not finite: {values}")
        cues = {cue: score_surprise(tail, values[column]) for column, cue, tail in self._tails}
        total = score_surprise(self._total, join(self._joining, list(cues.values())))
        return Surprise(time_s=time_s, total=total, cues=cues)
