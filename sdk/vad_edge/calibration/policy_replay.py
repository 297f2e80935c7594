"""The warning policy over a whole recording at once: which levels its risk would have announced, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining
from vad_edge.bundle.levels import Accumulation
from vad_edge.calibration.scores import Stretch
from vad_edge.calibration.tails import FloatArray, fit_tails, longest_correlation
from vad_edge.config.site import PolicyConfig
from vad_edge.fusion.accumulate import Accumulator
from vad_edge.fusion.fuse import Fuser
from vad_edge.scoring.scorer import Scorer
from vad_edge.sensors.stream import SensorSurprise

CUT_S: Final = 3600.0
"""A longer jump between two frames is a cut: the policy starts again after it."""

_EPSILON_S: Final = 1e-9


@dataclass(frozen=True, slots=True)
class PolicyReplay:
    """The risk of armed footage, frame by frame, as the policy sees it.

    time_s (T,) rises; where footage was cut together it jumps by more than `CUT_S`. armed_s is how long was
    watched, without those jumps.
    """

    time_s: FloatArray
    risk: FloatArray
    armed_s: float

    def persistent(self, policy: PolicyConfig) -> FloatArray:
        """The highest level that each frame would be announced at: what N of the last M risks reach, (T,)."""
        wanted, last = policy.persistence or (1, 1)
        if len(self.risk) < last:
            return np.full(len(self.risk), -np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(self.risk, last)
        reached = np.partition(windows, last - wanted, axis=1)[:, last - wanted]
        held = np.concatenate([np.full(last - 1, -np.inf), reached])
        # A window across a cut is no persistence.
        jumps = np.flatnonzero(np.diff(self.time_s) > CUT_S) + 1
        for place in jumps:
            held[place : place + last - 1] = -np.inf
        return held


@dataclass(frozen=True, slots=True)
class ReplayedIncidents:
    """What a level would have announced: where each incident began, where its risk was highest, and how high.

    begins and tops are frames; peaks are persistent risks.
    """

    begins: NDArray[np.intp]
    tops: NDArray[np.intp]
    peaks: FloatArray


def incidents_at(
    replay: PolicyReplay, held: FloatArray, level: float, policy: PolicyConfig
) -> ReplayedIncidents:
    """Every time `level` is announced, as `WarningMachine` announces it.

    held is `replay.persistent(policy)`. A level is left when the risk has stayed below its end for the dwell
    time; what reaches it in the cool-down after that is announced when the cool-down is over, if it lasts.
    """
    reached = np.flatnonzero(held >= level)
    inside = np.flatnonzero((replay.risk >= level - policy.hysteresis) | (held >= level))
    if not len(reached):
        return ReplayedIncidents(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    left = _left(replay, inside, policy)
    starts, ends = inside[np.insert(left, 0, True)], inside[np.append(left, True)]
    reached_s = replay.time_s[reached]
    begins: list[int] = []
    tops: list[int] = []
    ready_s = -np.inf
    for run in np.unique(np.searchsorted(ends, reached)):
        end = int(ends[run])
        place = max(
            np.searchsorted(reached, starts[run]),
            np.searchsorted(reached_s, ready_s - _EPSILON_S),
        )
        if place == len(reached) or reached[place] > end:
            continue
        begins.append(int(reached[place]))
        tops.append(begins[-1] + int(held[begins[-1] : end + 1].argmax()))
        ready_s = _left_at(replay, end, policy) + policy.cooldown_s
    places = np.array(tops, np.intp)
    return ReplayedIncidents(np.array(begins, np.intp), places, held[places])


def peaks_above(
    replay: PolicyReplay, held: FloatArray, level: float, policy: PolicyConfig
) -> ReplayedIncidents:
    """Every separate episode above `level` with its highest risk, whether or not a cool-down silences it.

    What is closer together than the cool-down is one episode, so that the peaks are independent. A higher
    level passes the cool-down of this one, which is why its incidents are not what tails are fitted to.
    """
    reached = np.flatnonzero(held >= level)
    if not len(reached):
        return ReplayedIncidents(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    apart_s = policy.dwell_s + policy.cooldown_s
    starts = np.flatnonzero(np.diff(replay.time_s[reached], prepend=-np.inf) > apart_s)
    episodes = np.split(reached, starts[1:])
    tops = np.array([episode[held[episode].argmax()] for episode in episodes], np.intp)
    return ReplayedIncidents(reached[starts], tops, held[tops])


def _left(replay: PolicyReplay, inside: NDArray[np.intp], policy: PolicyConfig) -> NDArray[np.bool_]:
    """Whether a level is left between each frame inside and the next one inside."""
    before, after = inside[:-1], inside[1:]
    below_s = replay.time_s[after - 1] - replay.time_s[before + 1]
    jump = replay.time_s[after] - replay.time_s[before] > CUT_S
    return jump | ((after > before + 1) & (below_s >= policy.dwell_s - _EPSILON_S))


def _left_at(replay: PolicyReplay, end: int, policy: PolicyConfig) -> float:
    """When a level whose last frame inside is `end` counts as left."""
    if end + 1 >= len(replay.time_s):
        return np.inf
    below_s = replay.time_s[end + 1]
    if below_s - replay.time_s[end] > CUT_S:
        return -np.inf
    place = np.searchsorted(replay.time_s, below_s + policy.dwell_s - _EPSILON_S)
    return float(replay.time_s[place]) if place < len(replay.time_s) else np.inf


_MOST_PARTS: Final = 24
_LEAST_PARTS: Final = 4
_TRIMMED: Final = 0.02
"""So much of the rest may be abnormal too without hiding what is looked for."""


def risk_of(
    stretch: Stretch,
    calibration: Calibration,
    cues: Sequence[str],
    policy: PolicyConfig,
    accumulation: Accumulation | None = None,
) -> FloatArray:
    """The risk at each frame of a stretch, (T,), as a run would have seen it with what it heard."""
    scorer, fuser = Scorer(calibration, cues), Fuser(policy.smoothing_s)
    accumulator = None if accumulation is None else Accumulator(accumulation)
    valid = np.isfinite(stretch.scores.sum(axis=1))
    risks = np.empty(len(stretch.time_s))
    for place, (time_s, row) in enumerate(zip(stretch.time_s.tolist(), stretch.scores, strict=True)):
        surprise = scorer.surprise(time_s, row) if valid[place] else None
        risk = fuser.update(time_s, surprise, _evidence(stretch, place))
        risks[place] = risk.value if accumulator is None else accumulator.update(risk).value
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


def joined(stretches: Sequence[Stretch], risks: Sequence[FloatArray], fps: float) -> PolicyReplay:
    """The risks of stretches one after another, a cut between each and the next."""
    times: list[FloatArray] = []
    start_s = 0.0
    for stretch in stretches:
        times.append(start_s + stretch.time_s - stretch.time_s[0])
        start_s = float(times[-1][-1]) + 2.0 * CUT_S
    frames = sum(len(risk) for risk in risks)
    return PolicyReplay(np.concatenate(times), np.concatenate(risks), frames / fps)


def replay_of(
    stretches: Sequence[Stretch],
    calibration: Calibration,
    cues: Sequence[str],
    policy: PolicyConfig,
    fps: float,
    accumulation: Accumulation | None = None,
) -> PolicyReplay:
    """The risk of all stretches, one after another."""
    risks = [risk_of(stretch, calibration, cues, policy, accumulation) for stretch in stretches]
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
    block_s = longest_correlation([stretch.scores for stretch in stretches], fps)
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
