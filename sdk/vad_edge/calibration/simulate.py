"""An alarm budget against thousands of hours: real life resampled, the policy far faster than real time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from vad_edge.budget import AlarmBudget
from vad_edge.calibration.fit import accumulation_of, default_policy
from vad_edge.calibration.levels import REACH, fit_levels, keep_budget
from vad_edge.calibration.policy_replay import PolicyReplay, incidents_at, replay_of, risk_of
from vad_edge.calibration.recorded_scores import RecordedScores
from vad_edge.calibration.scores import Stretch
from vad_edge.calibration.sensors import believed
from vad_edge.calibration.tails import FloatArray, fit_tails, longest_correlation
from vad_edge.errors import DataError
from vad_edge.fusion.policy import policy_of

CHUNK_S: Final = 600.0
"""Life is resampled in pieces of this length: what belongs together in them stays together."""
LEAST_HOURS: Final = 24.0
CONFIDENCE: Final = 0.95
_BATCH_HOURS: Final = 250.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of it: alarms in so many hours at the level alarm, what the budget allows, what it rests on.

    upper_per_budget is the upper confidence bound of the rate, in budgets; below 2 the promise holds within a
    factor of two.
    """

    budget: AlarmBudget
    hours: float
    seed: int
    false_alarms: int
    watches: int
    warnings: int
    alarm: float
    calibrated_hours: float
    real_hours: float
    streams: tuple[str, ...]
    about: str

    @property
    def expected(self) -> float:
        """False alarms the budget allows."""
        return self.budget.per_hour * self.hours

    def to_json(self) -> dict[str, Any]:
        """Plain values for machines."""
        from scipy.stats import chi2

        tail = (1.0 - CONFIDENCE) / 2.0
        lower = float(chi2.ppf(tail, 2 * self.false_alarms)) / 2.0 if self.false_alarms else 0.0
        upper = float(chi2.ppf(1.0 - tail, 2 * self.false_alarms + 2)) / 2.0
        return {
            "budget": str(self.budget),
            "hours": self.hours,
            "seed": self.seed,
            "false_alarms": self.false_alarms,
            "expected": round(self.expected, 4),
            "interval": [round(lower, 2), round(upper, 2)],
            "upper_per_budget": round(upper / self.expected, 4),
            "warnings": self.warnings,
            "watches": self.watches,
            "alarm": self.alarm,
            "calibrated_hours": self.calibrated_hours,
            "real_hours": round(self.real_hours, 2),
            "sensors": list(self.streams),
            "about": self.about,
        }


def simulate(
    recorded: RecordedScores,
    hours: float,
    budget: AlarmBudget,
    seed: int,
    *,
    on_progress: Callable[[float, float], None] = lambda done, total: None,
) -> Simulation:
    """Calibrate on resampled life, then count the alarms in `hours` of other resampled life.

    Every second ten minutes of the recording teach, the others are counted on, so no level was fitted to
    what it is judged by. Risks come from the run's own scorer, fuser and accumulator, of the video and of
    what sensors said in the very same moments: what belongs together is drawn together. Pieces are drawn with
    replacement, and the evidence of each is scaled by a random factor of a kernel's width: otherwise no peak
    could ever be higher than the recording's highest. The calibration gets twice the resampled life that its
    budget takes.
    Raises DataError for a recording that is too short. Needs scipy.
    """
    random = np.random.default_rng(seed)
    policy = default_policy(hours * 3600.0)
    pieces = _pieces(recorded)
    if len(pieces) < 2 * 12:
        raise DataError(
            f"{len(pieces)} pieces of {CHUNK_S:.0f} s are too few to resample, 24 are needed",
            fix="calibrate on four hours or more of uninterrupted life, with --recorded-scores",
        )
    learning = pieces[::2]
    taught = [piece.scores for piece in learning]
    block_s = longest_correlation(taught, recorded.fps)
    calibration = fit_tails(
        taught, recorded.cues, fps=recorded.fps, block_s=block_s, joining=recorded.joining
    )
    accumulation = None
    if believed(learning, recorded.streams):
        accumulation = accumulation_of(
            replay_of(learning, calibration, recorded.cues, policy, recorded.fps), recorded.fps
        )
    risks = [risk_of(piece, calibration, recorded.cues, policy, accumulation) for piece in pieces]
    usual = 0.0 if accumulation is None else accumulation.usual
    width = _kernel_width(risks, usual)

    taught_hours = max(LEAST_HOURS, 2.0 * budget.interval_s / 3600.0 / REACH)
    drawn = _resampled(risks[::2], taught_hours, recorded.fps, width, usual, random)
    fit = fit_levels(drawn, policy, accumulated=accumulation is not None, seed=seed)
    levels = policy_of(keep_budget(fit, policy, budget, cameras=1))
    counts = np.zeros(3, np.int64)
    left = hours
    while left > 1e-9:
        batch = min(left, _BATCH_HOURS)
        replay = _resampled(risks[1::2], batch, recorded.fps, width, usual, random)
        held = replay.persistent(levels)
        counts += [
            len(incidents_at(replay, held, level, levels).begins)
            for level in (levels.alarm, levels.warning, levels.watch)
        ]
        left -= batch
        on_progress(hours - left, hours)
    return Simulation(
        budget=budget,
        hours=hours,
        seed=seed,
        false_alarms=int(counts[0]),
        warnings=int(counts[1]),
        watches=int(counts[2]),
        alarm=levels.alarm,
        calibrated_hours=taught_hours,
        real_hours=len(pieces) * CHUNK_S / 3600.0,
        streams=recorded.streams,
        about=recorded.about,
    )


def _pieces(recorded: RecordedScores) -> list[Stretch]:
    """Pieces of `CHUNK_S`, in order; what is left over at the end of a stretch is left out."""
    length = round(CHUNK_S * recorded.fps)
    return [
        stretch.part(slice(begin, begin + length))
        for stretch in recorded.stretches
        for begin in range(0, len(stretch.time_s) - length + 1, length)
    ]


def _kernel_width(risks: Sequence[FloatArray], usual: float) -> float:
    """The normal-reference width of a kernel over the logarithms of the pieces' highest risks.

    From an accumulated risk what is usual was taken off, down to 0: it counts with that.
    """
    peaks = np.log(np.maximum([float(risk.max()) + usual for risk in risks], 1e-3))
    spread = min(float(peaks.std()), float(np.subtract(*np.quantile(peaks, [0.75, 0.25]))) / 1.34)
    return float(0.9 * spread * len(peaks) ** -0.2)


def _resampled(
    risks: Sequence[FloatArray],
    hours: float,
    fps: float,
    width: float,
    usual: float,
    random: np.random.Generator,
) -> PolicyReplay:
    count = math.ceil(hours * 3600.0 / CHUNK_S)
    chosen = random.integers(0, len(risks), count)
    factors = np.exp(width * random.standard_normal(count))
    joined = np.concatenate(
        [_scaled(risks[place], factor, usual) for place, factor in zip(chosen, factors, strict=True)]
    )
    joined = joined[: round(hours * 3600.0 * fps)]
    return PolicyReplay(np.arange(len(joined)) / fps, joined, len(joined) / fps)


def _scaled(risk: FloatArray, factor: float, usual: float) -> FloatArray:
    """A risk whose evidence is so many times as strong, before what is usual is taken off."""
    stronger = np.maximum(factor * (risk + usual) - usual, 0.0)
    return np.asarray(np.where(risk > 0.0, stronger, 0.0))
