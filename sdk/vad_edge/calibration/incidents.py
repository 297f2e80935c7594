"""The warning policy over a whole recording at once: which levels its risk would have announced, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.config.site import PolicyConfig

FloatArray = NDArray[np.float64]

CUT_S: Final = 3600.0
"""A longer jump between two frames is a cut: the policy begins anew after it."""

_EPSILON_S: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Course:
    """The risk of armed life, frame by frame.

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
class Incidents:
    """What a level would have announced: where each incident began, where its risk was highest, and how high.

    begins and tops are frames; peaks are persistent risks.
    """

    begins: NDArray[np.intp]
    tops: NDArray[np.intp]
    peaks: FloatArray


def incidents_at(course: Course, held: FloatArray, level: float, policy: PolicyConfig) -> Incidents:
    """Every time `level` is announced, as `WarningMachine` announces it.

    held is `course.persistent(policy)`. A level is left when the risk has stayed below its end for the dwell
    time; what reaches it in the cool-down after that is announced when the cool-down is over, if it lasts.
    """
    reached = np.flatnonzero(held >= level)
    inside = np.flatnonzero((course.risk >= level - policy.hysteresis) | (held >= level))
    if not len(reached):
        return Incidents(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    left = _left(course, inside, policy)
    starts, ends = inside[np.insert(left, 0, True)], inside[np.append(left, True)]
    reached_s = course.time_s[reached]
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
        ready_s = _left_at(course, end, policy) + policy.cooldown_s
    places = np.array(tops, np.intp)
    return Incidents(np.array(begins, np.intp), places, held[places])


def peaks_above(course: Course, held: FloatArray, level: float, policy: PolicyConfig) -> Incidents:
    """Every separate episode above `level` with its highest risk, whether or not a cool-down silences it.

    What is closer together than the cool-down is one episode, so that the peaks are independent. A higher
    level passes the cool-down of this one, which is why its incidents are not what tails are fitted to.
    """
    reached = np.flatnonzero(held >= level)
    if not len(reached):
        return Incidents(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    apart_s = policy.dwell_s + policy.cooldown_s
    starts = np.flatnonzero(np.diff(course.time_s[reached], prepend=-np.inf) > apart_s)
    episodes = np.split(reached, starts[1:])
    tops = np.array([episode[held[episode].argmax()] for episode in episodes], np.intp)
    return Incidents(reached[starts], tops, held[tops])


def _left(course: Course, inside: NDArray[np.intp], policy: PolicyConfig) -> NDArray[np.bool_]:
    """Whether a level is left between each frame inside and the next one inside."""
    before, after = inside[:-1], inside[1:]
    below_s = course.time_s[after - 1] - course.time_s[before + 1]
    jump = course.time_s[after] - course.time_s[before] > CUT_S
    return jump | ((after > before + 1) & (below_s >= policy.dwell_s - _EPSILON_S))


def _left_at(course: Course, end: int, policy: PolicyConfig) -> float:
    """When a level whose last frame inside is `end` counts as left."""
    if end + 1 >= len(course.time_s):
        return np.inf
    below_s = course.time_s[end + 1]
    if below_s - course.time_s[end] > CUT_S:
        return -np.inf
    place = np.searchsorted(course.time_s, below_s + policy.dwell_s - _EPSILON_S)
    return float(course.time_s[place]) if place < len(course.time_s) else np.inf
