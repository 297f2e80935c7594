"""Stretches of raw scores to the course of the risk, through the run's own scorer and fuser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining
from vad_edge.bundle.levels import Gathering
from vad_edge.calibration.blocks import FloatArray, correlation_time
from vad_edge.calibration.footage import Stretch
from vad_edge.calibration.incidents import CUT_S, Course
from vad_edge.calibration.tails import fit_tails
from vad_edge.config.site import PolicyConfig
from vad_edge.fusion.fuse import Fuser
from vad_edge.fusion.gather import Gatherer
from vad_edge.scoring.scorer import Scorer
from vad_edge.sensors.reading import SensorSurprise

_MOST_PARTS: Final = 24
_LEAST_PARTS: Final = 4
_TRIMMED: Final = 0.02
"""So much of the rest may be abnormal too without hiding what is looked for."""


def risk_of(
    stretch: Stretch,
    calibration: Calibration,
    cues: Sequence[str],
    policy: PolicyConfig,
    gathering: Gathering | None = None,
) -> FloatArray:
    """The risk at each frame of a stretch, (T,), as a run would have seen it with what it heard."""
    scorer, fuser = Scorer(calibration, cues), Fuser(policy.smoothing_s)
    gatherer = None if gathering is None else Gatherer(gathering)
    valid = np.isfinite(stretch.scores.sum(axis=1))
    risks = np.empty(len(stretch.time_s))
    for place, (time_s, row) in enumerate(zip(stretch.time_s.tolist(), stretch.scores, strict=True)):
        surprise = scorer.surprise(time_s, row) if valid[place] else None
        risk = fuser.update(time_s, surprise, _evidence(stretch, place))
        risks[place] = risk.value if gatherer is None else gatherer.update(risk).value
    return risks


def _evidence(stretch: Stretch, place: int) -> list[tuple[SensorSurprise, float]]:
    """What each stream adds to the risk at a frame."""
    if stretch.heard is None:
        return []
    time_s = float(stretch.time_s[place])
    return [
        (SensorSurprise(str(stream), part, time_s), 1.0)
        for stream, part in enumerate(stretch.heard[place].tolist())
        if part > 0.0
    ]


def joined(stretches: Sequence[Stretch], risks: Sequence[FloatArray], fps: float) -> Course:
    """The risks of stretches one after another, a cut between each and the next."""
    times: list[FloatArray] = []
    start_s = 0.0
    for stretch in stretches:
        times.append(start_s + stretch.time_s - stretch.time_s[0])
        start_s = float(times[-1][-1]) + 2.0 * CUT_S
    frames = sum(len(risk) for risk in risks)
    return Course(np.concatenate(times), np.concatenate(risks), frames / fps)


def course_of(
    stretches: Sequence[Stretch],
    calibration: Calibration,
    cues: Sequence[str],
    policy: PolicyConfig,
    fps: float,
    gathering: Gathering | None = None,
) -> Course:
    """The risk of all stretches, one after another."""
    risks = [risk_of(stretch, calibration, cues, policy, gathering) for stretch in stretches]
    return joined(stretches, risks, fps)


def unseen_risks(
    stretches: Sequence[Stretch],
    cues: Sequence[str],
    fps: float,
    policy: PolicyConfig,
    joining: Joining = SUM_OF_ALL,
) -> list[FloatArray]:
    """The risk of each part of the footage by the calibration of all the others, (T,) for each stretch.

    So it is seen what life looks like that the calibration has not learned from.
    """
    block_s = max(
        correlation_time([stretch.scores[:, column] for stretch in stretches], fps)
        for column in range(len(cues))
    )
    part_of = _parts(stretches)
    risks = [np.empty(len(stretch.time_s)) for stretch in stretches]
    for number in range(max(int(part[-1]) for part in part_of) + 1):
        rest = [
            np.where((part == number)[:, None], np.nan, stretch.scores)
            for stretch, part in zip(stretches, part_of, strict=True)
        ]
        calibration = fit_tails(rest, cues, fps=fps, block_s=block_s, trimmed=_TRIMMED, joining=joining)
        for place, (stretch, part) in enumerate(zip(stretches, part_of, strict=True)):
            mine = part == number
            if mine.any():
                risks[place][mine] = risk_of(stretch.part(mine), calibration, cues, policy)
    return risks


def _parts(stretches: Sequence[Stretch]) -> list[NDArray[np.intp]]:
    """Which part each frame belongs to: about `_MOST_PARTS` of equal length, ends of stretches kept."""
    total = sum(len(stretch.time_s) for stretch in stretches)
    if _LEAST_PARTS <= len(stretches) <= _MOST_PARTS:
        return [np.full(len(stretch.time_s), number) for number, stretch in enumerate(stretches)]
    length = -(-total // _MOST_PARTS)
    begins = np.cumsum([0, *(len(stretch.time_s) for stretch in stretches)])
    return [
        (begin + np.arange(len(stretch.time_s))) // length
        for begin, stretch in zip(begins[:-1], stretches, strict=True)
    ]


def without(stretches: Sequence[Stretch], left_out: Sequence[tuple[int, slice]]) -> list[Stretch]:
    """The stretches without some frames' scores, and without what was heard then: (stretch, frames) each."""
    scores = [stretch.scores.copy() for stretch in stretches]
    heard = [None if stretch.heard is None else stretch.heard.copy() for stretch in stretches]
    for number, frames in left_out:
        scores[number][frames] = np.nan
        said = heard[number]
        if said is not None:
            said[frames] = 0.0
    return [
        Stretch(stretch.clip, stretch.time_s, rows, said)
        for stretch, rows, said in zip(stretches, scores, heard, strict=True)
    ]
