"""Scores of normal footage to the calibration that is stored in bundles and camera packs."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining
from vad_edge.errors import DataError
from vad_edge.scoring.joining import joint_surprise
from vad_edge.scoring.tail import fit_tail

logger = logging.getLogger(__name__)


def fit_calibration(
    scores: ArrayLike,
    cues: Sequence[str],
    *,
    fps: float,
    footage: Sequence[str] = (),
    joining: Joining = SUM_OF_ALL,
) -> Calibration:
    """Learn what is normal from `scores`, one row a frame of normal footage, one column a cue.

    scores: (N, K), K as many as `cues`. Rows with a value that is not finite (frames without a score) are
    left out; `frames` of the result says how many stayed. footage: sha256 of the files behind the rows.
    Raises DataError for too few rows or a wrong number of columns.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(cues):
        raise DataError(f"scores of shape {table.shape} do not fit the {len(cues)} cues {', '.join(cues)}")
    kept = table[np.isfinite(table).all(axis=1)]
    if len(kept) < len(table):
        logger.info(
            "calibration leaves out %d of %d frames without a score", len(table) - len(kept), len(table)
        )
    tails = {cue: fit_tail(kept[:, column]) for column, cue in enumerate(cues)}
    return Calibration(
        cues=tails,
        total=fit_tail(joint_surprise(joining, tails, kept)),
        frames=len(kept),
        seconds=len(kept) / fps,
        fps=fps,
        footage=tuple(footage),
        joining=joining,
    )
