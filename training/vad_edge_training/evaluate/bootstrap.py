"""How sure a difference between two scores is, on the very same frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from vad_edge_training.evaluate.metrics import frame_auc

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

REPLICATES: Final = 400
BLOCK_S: Final = 10.0
"""Frames nearer to each other than this are drawn together: they show the same."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Online AUC of one score less that of another; low and high are the ends of its 95 % interval."""

    auc: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Plain values, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def paired_difference(
    ours: Sequence[FloatArray],
    theirs: Sequence[FloatArray],
    truth: Sequence[BoolArray],
    *,
    fps: float,
    seed: int = 0,
) -> Difference:
    """How much better ours tell abnormal frames than theirs, by a paired bootstrap over blocks of frames.

    One array for each clip, (T,), finite, at `fps` frames a second. Blocks of `BLOCK_S` are drawn with
    replacement, the same for both scores. Raises ValueError where all frames are of one kind.
    """
    everything = np.concatenate(truth)
    if everything.all() or not everything.any():
        raise ValueError("all frames are of one kind")
    length = max(round(BLOCK_S * fps), 1)
    blocks = [
        (clip, slice(start, start + length))
        for clip, flags in enumerate(truth)
        for start in range(0, len(flags), length)
    ]
    random = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < REPLICATES:
        drawn = [blocks[place] for place in random.integers(len(blocks), size=len(blocks))]
        labels = np.concatenate([truth[clip][frames] for clip, frames in drawn])
        if labels.all() or not labels.any():
            continue
        mine, other = (
            np.concatenate([scores[clip][frames] for clip, frames in drawn]) for scores in (ours, theirs)
        )
        found.append(_auc(mine, labels) - _auc(other, labels))
    low, high = np.quantile(found, (0.025, 0.975))
    whole = frame_auc(ours, truth).micro_online - frame_auc(theirs, truth).micro_online
    return Difference(whole, float(low), float(high))


def _auc(scores: FloatArray, labels: BoolArray) -> float:
    """By ranks, ties shared (Mann and Whitney): a replicate must not cost more than a sort."""
    positives = int(labels.sum())
    above = float(rankdata(scores)[labels].sum()) - positives * (positives + 1) / 2
    return above / (positives * (len(labels) - positives))
