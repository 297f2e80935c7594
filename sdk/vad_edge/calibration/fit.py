"""Scores of normal life to tails, levels and how far they are backed: the statistics of a calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining
from vad_edge.bundle.levels import Accumulation, AlarmLevels
from vad_edge.bundle.pack import VIDEO_ALONE
from vad_edge.calibration.false_alarms import with_false_alarms
from vad_edge.calibration.levels import LevelFit, fit_levels, keep_budget
from vad_edge.calibration.outliers import Outlier, find_outliers
from vad_edge.calibration.policy_replay import PolicyReplay, joined, replay_of, unseen_risks, without
from vad_edge.calibration.scores import Progress, Stretch
from vad_edge.calibration.sensors import believed
from vad_edge.calibration.tails import block_maxima, correlation_time, fit_tails, longest_correlation
from vad_edge.config.site import PolicyConfig

COOLDOWN_S: Final = (2.0, 30.0)
"""Alarms closer together than this are one to a person; a hundredth of short footage, so that some remain."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What footage taught: the tails, the levels, how often each comes, what was left out.

    stretches are what of the footage was learned from. streams are those that count, the ones that could be
    believed. partial holds the levels for when one of them cannot be, by its name, and under `VIDEO_ALONE`
    those for when more than one cannot. accumulation is None without sensors. false_alarm_risks count as
    normal life beside the footage.
    """

    calibration: Calibration
    levels: AlarmLevels
    fit: LevelFit
    outliers: tuple[Outlier, ...]
    stretches: tuple[Stretch, ...]
    streams: tuple[str, ...] = ()
    partial: Mapping[str, AlarmLevels] = field(default_factory=dict)
    accumulation: Accumulation | None = None
    false_alarm_risks: tuple[float, ...] = ()


def learn(
    stretches: Sequence[Stretch],
    cues: Sequence[str],
    fps: float,
    budget: AlarmBudget,
    *,
    cameras: int = 1,
    streams: Sequence[str] = (),
    footage: Sequence[str] = (),
    joining: Joining = SUM_OF_ALL,
    all_normal: bool = False,
    false_alarm_risks: Sequence[float] = (),
    on_progress: Progress = lambda what, done, total: None,
) -> Learned:
    """The statistics of `calibrate` on scores that are there already; streams names what was heard with them.

    Needs scipy.
    """
    policy = default_policy(sum(len(stretch.time_s) for stretch in stretches) / fps)
    counting = believed(stretches, streams)
    outliers: list[tuple[int, slice, Outlier]] = []
    if not all_normal:
        on_progress("looking for what is abnormal", 0, 1)
        risks = unseen_risks(stretches, cues, fps, policy, joining)
        outliers = find_outliers(stretches, risks, joined(stretches, risks, fps), policy, fps)
        stretches = without(stretches, [(number, frames) for number, frames, _ in outliers])
        on_progress("looking for what is abnormal", 1, 1)
    rows = [stretch.scores for stretch in stretches]
    block_s = longest_correlation(rows, fps)
    calibration = fit_tails(rows, cues, fps=fps, block_s=block_s, footage=footage, joining=joining)
    columns = {name: [place] for place, name in enumerate(streams) if name in counting}
    replay = replay_of(stretches, calibration, cues, policy, fps)
    accumulation = None
    if columns:
        columns[VIDEO_ALONE] = [place for places in columns.values() for place in places]
        accumulation = accumulation_of(replay, fps)
        replay = replay_of(stretches, calibration, cues, policy, fps, accumulation)
    accumulated = accumulation is not None
    answered = with_false_alarms(replay, false_alarm_risks, policy, fps)
    fit = fit_levels(answered, policy, accumulated=accumulated)
    levels = keep_budget(fit, policy, budget, cameras)
    partial: dict[str, AlarmLevels] = {}
    for done, (name, deaf) in enumerate(columns.items()):
        on_progress("levels without a sensor", done, len(columns))
        if name == VIDEO_ALONE and len(deaf) == 1:
            partial[name] = partial[streams[deaf[0]]]
            continue
        others = [_deafened(part, deaf) for part in stretches]
        replay = replay_of(others, calibration, cues, policy, fps, accumulation)
        replay = with_false_alarms(replay, false_alarm_risks, policy, fps)
        fewer = fit_levels(replay, policy, accumulated=accumulated)
        partial[name] = keep_budget(fewer, policy, budget, cameras)
    return Learned(
        calibration,
        levels,
        fit,
        outliers=tuple(outlier for _, _, outlier in outliers),
        stretches=tuple(stretches),
        streams=counting,
        partial=partial,
        accumulation=accumulation,
        false_alarm_risks=tuple(false_alarm_risks),
    )


def default_policy(armed_s: float) -> PolicyConfig:
    """The policy levels are derived under on so much footage; its own levels mean nothing yet.

    A level is reached by one risk: models average their cues over time and the risk is averaged again; N of
    the last M on top came later and hardly changed a count (docs/early-warning.md).
    """
    return PolicyConfig(
        hysteresis=0.2,
        dwell_s=0.5,
        clear_s=3.0,
        cooldown_s=min(max(armed_s / 100.0, COOLDOWN_S[0]), COOLDOWN_S[1]),
        smoothing_s=0.2,
        persistence=(1, 1),
    )


def accumulation_of(replay: PolicyReplay, fps: float) -> Accumulation:
    """Blocks of the fused risk's own correlation time; usual is one deviation above their mean maximum."""
    block_s = correlation_time([replay.risk], fps)
    maxima = block_maxima(replay.risk, fps, block_s)
    return Accumulation(block_s=block_s, usual=float(maxima.mean() + maxima.std()))


def _deafened(stretch: Stretch, columns: list[int]) -> Stretch:
    """A stretch without what some streams said."""
    if stretch.heard is None:
        return stretch
    heard = stretch.heard.copy()
    heard[:, columns] = np.nan
    return replace(stretch, heard=heard)


def notes_of(learned: Learned) -> list[str]:
    """What the fit rests on, what it keeps, and what was left out."""
    levels, fit = learned.levels, learned.fit
    notes = []
    share = AlarmBudget.parse(levels.asked).share(levels.cameras)
    if levels.needed_s > levels.armed_s:
        more = _length(levels.needed_s - levels.armed_s)
        notes.append(
            f"{_length(levels.armed_s)} of footage cannot show what {share} means; the camera keeps"
            f" {levels.kept} until it is calibrated on {more} more"
        )
    notes += lesser_budgets(learned)
    if fit.tail is None:
        notes.append("there are too few incidents for a tail: levels are counted, nothing is extrapolated")
    elif (fit.fit_chance or 0.0) < 0.05:
        notes.append(
            f"the tail does not fit the footage's incidents (chance {fit.fit_chance:.3f}): levels are"
            " counted, nothing is extrapolated"
        )
    if learned.false_alarm_risks:
        count, highest = len(learned.false_alarm_risks), max(learned.false_alarm_risks)
        told = f"{count} incidents that were called false count as normal life, up to a risk of {highest:.2f}"
        notes.append(
            told if count > 1 else f"an incident of risk {highest:.2f}, called false, counts as normal"
        )
    notes += [f"looks abnormal and was left out: {outlier}" for outlier in learned.outliers]
    return notes


def lesser_budgets(learned: Learned) -> list[str]:
    """What the camera keeps while sensors are missing, where that is less than with all of them."""
    whole = AlarmBudget.parse(learned.levels.kept).per_hour
    lesser: dict[str, list[str]] = {}
    for name, levels in learned.partial.items():
        if AlarmBudget.parse(levels.kept).per_hour > whole * (1.0 + 1e-9):
            lesser.setdefault(levels.kept, []).append(name or "several sensors")
    return [f"without {' or '.join(names)} the camera keeps {kept}" for kept, names in lesser.items()]


def _length(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2.0 * size or unit == "min":
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
