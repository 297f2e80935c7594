"""Normal footage and an alarm budget to a camera pack, and a report of how far the footage backs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.bundle.manifest import Precision
from vad_edge.bundle.pack import CameraPack
from vad_edge.calibration.blocks import correlation_time
from vad_edge.calibration.course import joined, risk_of, unseen_risks, without
from vad_edge.calibration.footage import Progress, Stretch, score_footage
from vad_edge.calibration.incidents import Course
from vad_edge.calibration.levels import LevelFit, fit_levels, keep_budget
from vad_edge.calibration.suspects import Suspect, find_suspects
from vad_edge.calibration.tails import fit_tails
from vad_edge.config.site import PolicyConfig

COOLDOWN_S: Final = (2.0, 30.0)
"""Alarms closer together than this are one to a person; a hundredth of short footage, so that some remain."""
PERSISTENCE_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Learned:
    """What footage taught: the tails, the levels, how often each comes, what was left out."""

    calibration: Calibration
    levels: AlarmLevels
    fit: LevelFit
    suspects: tuple[Suspect, ...]


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A pack, and what people should know about it."""

    pack: CameraPack
    learned: Learned
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for machines."""
        levels = self.learned.levels
        return {
            "camera": self.pack.camera,
            "precision": self.pack.precision,
            "budget_asked": levels.asked,
            "budget_kept": levels.kept,
            "backed": AlarmBudget.parse(levels.kept).per_hour
            <= AlarmBudget.parse(levels.asked).share(levels.cameras).per_hour * (1.0 + 1e-9),
            "cameras": levels.cameras,
            "footage_hours": levels.armed_s / 3600.0,
            "footage_hours_needed": levels.needed_s / 3600.0,
            "block_s": self.learned.calibration.block_s,
            "watch": levels.watch,
            "warning": levels.warning,
            "alarm": levels.alarm,
            "fit_chance": levels.fit_chance,
            "suspects": [suspect.to_dict() for suspect in self.learned.suspects],
            "notes": list(self.notes),
        }


def calibrate(
    bundle: Bundle,
    sources: Sequence[str],
    budget: AlarmBudget,
    *,
    camera: str = "camera",
    cameras: int = 1,
    engine: str = "auto",
    precision: Precision | None = None,
    fps: float | None = None,
    duration_s: float | None = None,
    all_normal: bool = False,
    on_progress: Progress = lambda what, done, total: None,
) -> CalibrationReport:
    """Fit what is normal for one camera from `sources`, which must show its normal life only.

    budget is the site's, of which this camera may spend one part in `cameras`. duration_s is how long a live
    source is watched. Moments that look abnormal are named and left out unless all_normal says that there are
    none. Raises DataError for footage that will not do, SourceError, EngineError. Needs scipy.
    """
    graph = bundle.graph(precision)
    footage = score_footage(
        bundle,
        sources,
        engine=engine,
        precision=graph.precision,
        fps=fps,
        duration_s=duration_s,
        on_progress=on_progress,
    )
    manifest = bundle.manifest
    learned = learn(
        footage.stretches,
        manifest.cues,
        manifest.clock.fps,
        budget,
        cameras=cameras,
        footage=footage.fingerprints,
        joining=graph.calibration.joining if graph.calibration else SUM_OF_ALL,
        all_normal=all_normal,
        on_progress=on_progress,
    )
    pack = CameraPack(
        camera=camera,
        graph_sha256=manifest.members[graph.member],
        precision=graph.precision,
        fps=manifest.clock.fps,
        calibration=learned.calibration,
        levels=learned.levels,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    return CalibrationReport(pack, learned, (*footage.notes, *_notes(learned)))


def learn(
    stretches: Sequence[Stretch],
    cues: Sequence[str],
    fps: float,
    budget: AlarmBudget,
    *,
    cameras: int = 1,
    footage: Sequence[str] = (),
    joining: Joining = SUM_OF_ALL,
    all_normal: bool = False,
    on_progress: Progress = lambda what, done, total: None,
) -> Learned:
    """The statistics of `calibrate` on scores that are there already. Needs scipy."""
    policy = default_policy(fps, sum(len(stretch.time_s) for stretch in stretches) / fps)
    suspects: list[tuple[int, slice, Suspect]] = []
    if not all_normal:
        on_progress("looking for what is abnormal", 0, 1)
        risks = unseen_risks(stretches, cues, fps, policy, joining)
        suspects = find_suspects(stretches, risks, joined(stretches, risks, fps), policy, fps)
        stretches = without(stretches, [(number, frames) for number, frames, _ in suspects])
        on_progress("looking for what is abnormal", 1, 1)
    rows = [stretch.scores for stretch in stretches]
    block_s = max(correlation_time([part[:, column] for part in rows], fps) for column in range(len(cues)))
    calibration = fit_tails(rows, cues, fps=fps, block_s=block_s, footage=footage, joining=joining)
    course = course_of(stretches, calibration, cues, policy, fps)
    fit = fit_levels(course, policy)
    levels = keep_budget(fit, policy, budget, cameras)
    return Learned(calibration, levels, fit, tuple(suspect for _, _, suspect in suspects))


def course_of(
    stretches: Sequence[Stretch],
    calibration: Calibration,
    cues: Sequence[str],
    policy: PolicyConfig,
    fps: float,
) -> Course:
    """The risk of all stretches, one after another."""
    risks = [risk_of(stretch, calibration, cues, policy) for stretch in stretches]
    return joined(stretches, risks, fps)


def default_policy(fps: float, armed_s: float) -> PolicyConfig:
    """The policy levels are derived under on so much footage; its own levels mean nothing yet."""
    last = max(round(PERSISTENCE_S * fps) + 1, 3)
    return PolicyConfig(
        hysteresis=0.2,
        dwell_s=0.5,
        clear_s=3.0,
        cooldown_s=min(max(armed_s / 100.0, COOLDOWN_S[0]), COOLDOWN_S[1]),
        smoothing_s=0.2,
        persistence=(last - 1, last),
    )


def _notes(learned: Learned) -> list[str]:
    """What the fit says, in words."""
    levels, fit = learned.levels, learned.fit
    notes = []
    share = AlarmBudget.parse(levels.asked).share(levels.cameras)
    if levels.needed_s > levels.armed_s:
        more = _length(levels.needed_s - levels.armed_s)
        notes.append(
            f"{_length(levels.armed_s)} of footage cannot show what {share} means; the camera keeps"
            f" {levels.kept} until it is calibrated on {more} more"
        )
    if fit.tail is None:
        notes.append("there are too few incidents for a tail: levels are counted, nothing is extrapolated")
    elif (fit.fit_chance or 0.0) < 0.05:
        notes.append(
            f"the tail does not fit the footage's incidents (chance {fit.fit_chance:.3f}): levels are"
            " counted, nothing is extrapolated"
        )
    notes += [f"looks abnormal and was left out: {suspect}" for suspect in learned.suspects]
    return notes


def _length(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2.0 * size or unit == "min":
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
