"""Normal footage and an alarm budget to a camera pack, and a report of how far the footage backs it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import SUM_OF_ALL, Calibration, Joining
from vad_edge.bundle.levels import AlarmLevels, Gathering
from vad_edge.bundle.manifest import Graph, Manifest, Precision
from vad_edge.bundle.pack import VIDEO_ALONE, CameraPack, PackedStream
from vad_edge.calibration.blocks import block_maxima, correlation_time
from vad_edge.calibration.course import joined, risk_of, unseen_risks, without
from vad_edge.calibration.exemplars import with_exemplars
from vad_edge.calibration.footage import Footage, Progress, Stretch, score_footage
from vad_edge.calibration.incidents import Course
from vad_edge.calibration.levels import LevelFit, fit_levels, keep_budget
from vad_edge.calibration.life import RecordedLife
from vad_edge.calibration.listening import Listener, believed
from vad_edge.calibration.suspects import Suspect, find_suspects
from vad_edge.calibration.tails import fit_tails
from vad_edge.config.site import PolicyConfig, Polygon, SensorConfig
from vad_edge.errors import DataError
from vad_edge.pipeline import stored_views
from vad_edge.scoring.places import ignore_weight

COOLDOWN_S: Final = (2.0, 30.0)
"""Alarms closer together than this are one to a person; a hundredth of short footage, so that some remain."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What footage taught: the tails, the levels, how often each comes, what was left out.

    stretches are what of the footage was learned from. streams are those that count, the ones that could be
    believed. partial holds the levels for when one of them cannot be, by its name, and under `VIDEO_ALONE`
    those for when more than one cannot. gathering is None without sensors. exemplars are the risks of false
    alarms that count as normal life beside the footage.
    """

    calibration: Calibration
    levels: AlarmLevels
    fit: LevelFit
    suspects: tuple[Suspect, ...]
    stretches: tuple[Stretch, ...]
    streams: tuple[str, ...] = ()
    partial: Mapping[str, AlarmLevels] = field(default_factory=dict)
    gathering: Gathering | None = None
    exemplars: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A pack, the life it was made of, and what people should know about it."""

    pack: CameraPack
    learned: Learned
    life: RecordedLife
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
            "sensors": list(self.pack.sensors),
            "suspects": [suspect.to_dict() for suspect in self.learned.suspects],
            "exemplars": list(self.learned.exemplars),
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
    masks: Sequence[Polygon] = (),
    duration_s: float | None = None,
    stop: threading.Event | None = None,
    all_normal: bool = False,
    exemplars: Sequence[float] = (),
    sensors: Sequence[SensorConfig] = (),
    latency_s: float = 0.0,
    on_progress: Progress = lambda what, done, total: None,
) -> CalibrationReport:
    """Fit what is normal for one camera from `sources`, which must show its normal life only.

    budget is the site's, of which this camera may spend one part in `cameras`. duration_s is how long a live
    source is watched, unless `stop` ends that before. What lies in masks counts for nothing. Moments that
    look abnormal are named and left out unless all_normal says that there are none. exemplars are the risks
    of `false_alarms`. sensors are the site's streams; those whose recordings lie beside the footage join the
    risk that levels are set for. latency_s is the camera's. Raises DataError for footage that will not do,
    SourceError, SensorError,
    EngineError. Needs scipy.
    """
    graph = bundle.graph(precision)
    weight = _weight(masks, bundle.manifest)
    listener = Listener(sensors, camera, latency_s=latency_s)
    footage = score_footage(
        bundle,
        sources,
        engine=engine,
        precision=graph.precision,
        fps=fps,
        weight=weight,
        duration_s=duration_s,
        stop=stop,
        hear=listener.hear_clip,
        on_progress=on_progress,
    )
    return calibrate_on(
        bundle,
        graph,
        footage,
        budget,
        camera=camera,
        cameras=cameras,
        masks=masks,
        listener=listener,
        all_normal=all_normal,
        exemplars=exemplars,
        on_progress=on_progress,
    )


def calibrate_on(
    bundle: Bundle,
    graph: Graph,
    footage: Footage,
    budget: AlarmBudget,
    *,
    camera: str = "camera",
    cameras: int = 1,
    masks: Sequence[Polygon] = (),
    listener: Listener | None = None,
    all_normal: bool = False,
    exemplars: Sequence[float] = (),
    on_progress: Progress = lambda what, done, total: None,
) -> CalibrationReport:
    """The same for footage that `graph` has scored already, and `listener` heard; of video alone without one.

    masks are those it was scored with. Raises DataError. Needs scipy.
    """
    manifest = bundle.manifest
    weight = _weight(masks, manifest)
    listener = listener or Listener((), camera)
    learned = learn(
        footage.stretches,
        manifest.cues,
        manifest.clock.fps,
        budget,
        cameras=cameras,
        streams=listener.streams,
        footage=footage.fingerprints,
        joining=graph.calibration.joining if graph.calibration else SUM_OF_ALL,
        all_normal=all_normal,
        exemplars=exemplars,
        on_progress=on_progress,
    )
    pack = CameraPack(
        camera=camera,
        graph_sha256=manifest.members[graph.member],
        precision=graph.precision,
        fps=manifest.clock.fps,
        calibration=learned.calibration,
        weight=None if weight is None else weight.tolist(),
        masks=tuple(masks),
        levels=learned.levels,
        partial_levels=dict(learned.partial),
        gathering=learned.gathering,
        sensors={name: PackedStream(**kept) for name, kept in listener.kept(learned.streams).items()},
        views=stored_views(footage.views),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    about = ", ".join(
        [f"camera {camera} ({manifest.name}), calibrated {pack.created[:10]}", *learned.streams]
    )
    joining = learned.calibration.joining
    life = RecordedLife(
        manifest.cues, manifest.clock.fps, learned.stretches, about, listener.streams, joining
    )
    notes = (*footage.notes, *listener.notes(learned.streams), *_notes(learned))
    return CalibrationReport(pack, learned, life, notes)


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
    exemplars: Sequence[float] = (),
    on_progress: Progress = lambda what, done, total: None,
) -> Learned:
    """The statistics of `calibrate` on scores that are there already; streams names what was heard with them.

    Needs scipy.
    """
    policy = default_policy(sum(len(stretch.time_s) for stretch in stretches) / fps)
    counting = believed(stretches, streams)
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
    columns = {name: [place] for place, name in enumerate(streams) if name in counting}
    course = course_of(stretches, calibration, cues, policy, fps)
    gathering = None
    if columns:
        columns[VIDEO_ALONE] = [place for places in columns.values() for place in places]
        gathering = gathering_of(course, fps)
        course = course_of(stretches, calibration, cues, policy, fps, gathering)
    gathered = gathering is not None
    fit = fit_levels(with_exemplars(course, exemplars, policy, fps), policy, gathered=gathered)
    levels = keep_budget(fit, policy, budget, cameras)
    partial: dict[str, AlarmLevels] = {}
    for done, (name, deaf) in enumerate(columns.items()):
        on_progress("levels without a sensor", done, len(columns))
        if name == VIDEO_ALONE and len(deaf) == 1:
            partial[name] = partial[streams[deaf[0]]]
            continue
        others = [_deafened(part, deaf) for part in stretches]
        course = course_of(others, calibration, cues, policy, fps, gathering)
        course = with_exemplars(course, exemplars, policy, fps)
        fewer = fit_levels(course, policy, gathered=gathered)
        partial[name] = keep_budget(fewer, policy, budget, cameras)
    return Learned(
        calibration,
        levels,
        fit,
        suspects=tuple(suspect for _, _, suspect in suspects),
        stretches=tuple(stretches),
        streams=counting,
        partial=partial,
        gathering=gathering,
        exemplars=tuple(exemplars),
    )


def _weight(masks: Sequence[Polygon], manifest: Manifest) -> NDArray[np.float32] | None:
    if not masks:
        return None
    weight = ignore_weight(masks, manifest.map_height, manifest.map_width)
    if not weight.any():
        raise DataError("the ignore masks leave nothing of the picture", fix="draw smaller ones")
    return weight


def gathering_of(course: Course, fps: float) -> Gathering:
    """Blocks of the fused risk's own correlation time; usual is one deviation above their mean maximum."""
    block_s = correlation_time([course.risk], fps)
    maxima = block_maxima(course.risk, fps, block_s)
    return Gathering(block_s=block_s, usual=float(maxima.mean() + maxima.std()))


def _deafened(stretch: Stretch, columns: list[int]) -> Stretch:
    """A stretch without what some streams said."""
    if stretch.heard is None:
        return stretch
    heard = stretch.heard.copy()
    heard[:, columns] = np.nan
    return replace(stretch, heard=heard)


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


def default_policy(armed_s: float) -> PolicyConfig:
    """The policy levels are derived under on so much footage; its own levels mean nothing yet.

    A level is reached by one risk: models average their cues over time and the risk is averaged again, and N
    of the last M on top came later and changed no count (docs/early-warning.md).
    """
    return PolicyConfig(
        hysteresis=0.2,
        dwell_s=0.5,
        clear_s=3.0,
        cooldown_s=min(max(armed_s / 100.0, COOLDOWN_S[0]), COOLDOWN_S[1]),
        smoothing_s=0.2,
        persistence=(1, 1),
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
    notes += lesser_budgets(learned)
    if fit.tail is None:
        notes.append("there are too few incidents for a tail: levels are counted, nothing is extrapolated")
    elif (fit.fit_chance or 0.0) < 0.05:
        notes.append(
            f"the tail does not fit the footage's incidents (chance {fit.fit_chance:.3f}): levels are"
            " counted, nothing is extrapolated"
        )
    if learned.exemplars:
        count, highest = len(learned.exemplars), max(learned.exemplars)
        told = f"{count} incidents that were called false count as normal life, up to a risk of {highest:.2f}"
        notes.append(
            told if count > 1 else f"an incident of risk {highest:.2f}, called false, counts as normal"
        )
    notes += [f"looks abnormal and was left out: {suspect}" for suspect in learned.suspects]
    return notes


def lesser_budgets(learned: Learned) -> list[str]:
    """What the camera keeps while sensors are missing, where that is less than with all of them."""
    asked = AlarmBudget.parse(learned.levels.kept).per_hour
    lesser: dict[str, list[str]] = {}
    for name, levels in learned.partial.items():
        if AlarmBudget.parse(levels.kept).per_hour > asked * (1.0 + 1e-9):
            lesser.setdefault(levels.kept, []).append(name or "several sensors")
    return [f"without {' or '.join(names)} the camera keeps {kept}" for kept, names in lesser.items()]


def _length(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2.0 * size or unit == "min":
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
