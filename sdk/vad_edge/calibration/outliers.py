"""What does not belong into footage of normal life: found against all the rest of it, and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vad_edge.calibration.pareto import MIN_PEAKS, fit_pareto
from vad_edge.calibration.policy_replay import PolicyReplay, peaks_above
from vad_edge.calibration.scores import Stretch
from vad_edge.calibration.tails import FloatArray
from vad_edge.config.site import PolicyConfig

ABNORMAL: Final = 0.01
"""A peak is an outlier where the others' tail gives less than this chance to so high a one among so many."""
MOST_SHARE: Final = 0.1
"""More than this share of the incidents is not an exception but life."""

EPISODE_S: Final = 10.0
"""What is unusual again within this time is still the same."""

_WANTED_PEAKS: Final = 100


@dataclass(frozen=True, slots=True)
class Outlier:
    """A moment of the calibration footage that looks abnormal: clip, and seconds and frames in it.

    frames are counted at the model's rate. risk is its highest, against a calibration that had not seen it.
    """

    clip: str
    begin_s: float
    end_s: float
    first_frame: int
    last_frame: int
    risk: float

    def __str__(self) -> str:
        return f"{self.clip} from {_clock(self.begin_s)} to {_clock(self.end_s)}"


def find_outliers(
    stretches: Sequence[Stretch],
    risks: Sequence[FloatArray],
    replay: PolicyReplay,
    policy: PolicyConfig,
    fps: float,
) -> list[tuple[int, slice, Outlier]]:
    """The incidents that the tail of all the others does not explain: stretch, its frames, and what to say.

    risks are `unseen_risks`, replay the same joined. The largest peaks are tried together, so that two alike
    cannot hide each other. Needs scipy.
    """
    held = replay.persistent(policy)
    level = _base_level(replay, held, policy)
    found = peaks_above(replay, held, level, policy)
    order = np.argsort(found.peaks)[::-1]
    peaks = found.peaks[order]
    outliers = 0
    for count in range(1, min(int(MOST_SHARE * len(peaks)), len(peaks) - MIN_PEAKS) + 1):
        rest = peaks[count:]
        excess = float(peaks[count - 1] - level)
        chance = float(fit_pareto(np.maximum(rest - level, 1e-9)).chance(excess))
        if -np.expm1(len(peaks) * np.log1p(-min(chance, 1.0 - 1e-12))) < ABNORMAL:
            outliers = count
    if not outliers:
        return []
    ordinary = level + 0.75 * (float(peaks[outliers]) - level)
    begins = np.cumsum([0, *(len(risk) for risk in risks)])
    named: list[tuple[int, slice, Outlier]] = []
    for top in found.tops[order[:outliers]]:
        number = int(np.searchsorted(begins, top, side="right")) - 1
        place = int(top - begins[number])
        found_here = _name(number, place, stretches[number], risks[number], ordinary, EPISODE_S, fps)
        if found_here not in named:
            named.append(found_here)
    return sorted(named, key=lambda entry: (entry[0], entry[1].start))


def _base_level(replay: PolicyReplay, held: FloatArray, policy: PolicyConfig) -> float:
    """The highest of some levels that gives enough incidents, the one with the most where none does."""
    finite = held[np.isfinite(held)]
    levels = np.unique(np.quantile(finite, 1.0 - np.geomspace(0.5, 1e-4, 40)))
    counts = [len(peaks_above(replay, held, level, policy).begins) for level in levels]
    enough = [level for level, count in zip(levels, counts, strict=True) if count >= _WANTED_PEAKS]
    return float(enough[-1] if enough else levels[int(np.argmax(counts))])


def _name(
    number: int, top: int, stretch: Stretch, risk: FloatArray, ordinary: float, apart_s: float, fps: float
) -> tuple[int, slice, Outlier]:
    """The frames around an incident's highest one until the risk stays ordinary."""
    unusual = np.append(np.flatnonzero(risk >= ordinary), top)
    unusual.sort()
    episodes = np.split(unusual, np.flatnonzero(np.diff(unusual) > apart_s * fps) + 1)
    mine = next(episode for episode in episodes if episode[0] <= top <= episode[-1])
    first, last = int(mine[0]), int(mine[-1])
    begin_s, end_s = float(stretch.time_s[first]), float(stretch.time_s[last])
    outlier = Outlier(
        clip=stretch.clip,
        begin_s=begin_s,
        end_s=end_s,
        first_frame=round(begin_s * fps),
        last_frame=round(end_s * fps),
        risk=float(risk[first : last + 1].max()),
    )
    return number, slice(first, last + 1), outlier


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60.0)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
