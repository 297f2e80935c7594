"""The surprises of several cues to one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.calibration import Joining, Tail
from vad_edge.scoring.tail import tail_surprise

FloatArray = NDArray[np.float64]


def counted_cues(joining: Joining, cues: Sequence[str]) -> list[str]:
    """The cues that count, in the order of `cues`."""
    return [cue for cue in cues if not joining.counted or cue in joining.counted]


def joint_surprise(joining: Joining, tails: Mapping[str, Tail], scores: FloatArray) -> FloatArray:
    """The joint of the cues' surprises, (T,), for scores (T, K) with a column for each tail, in order."""
    columns = {cue: column for column, cue in enumerate(tails)}
    surprises = np.stack(
        [tail_surprise(tails[cue], scores[:, columns[cue]]) for cue in counted_cues(joining, list(tails))]
    )
    joint: FloatArray
    joint = np.linalg.norm(surprises, axis=0) if joining.norm == "root" else surprises.sum(axis=0)
    return joint


def join(joining: Joining, surprises: Sequence[float]) -> float:
    """`joint_surprise` of a single frame's surprises, those that count, without arrays."""
    return math.hypot(*surprises) if joining.norm == "root" else sum(surprises)
