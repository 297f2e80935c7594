"""What a calibrated camera would have announced on labelled clips: found, how soon, how often for nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import read_bundle
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.bundle.pack import VIDEO_ALONE, CameraPack, pack_fits, read_pack
from vad_edge.calibration.course import risk_of
from vad_edge.calibration.footage import Stretch, cut_into_stretches
from vad_edge.calibration.listening import HeardClip, Listener, began_at, recording_beside
from vad_edge.config.site import PolicyConfig, SensorConfig
from vad_edge.errors import BundleError, DataError
from vad_edge.fusion.level import Level
from vad_edge.fusion.machine import WarningMachine
from vad_edge.fusion.policy import kept_budget, policy_for
from vad_edge.fusion.risk import Risk
from vad_edge.pipeline import score_recording
from vad_edge.sensors.recording import read_recording
from vad_edge_training.datasets.dataset import clip_name
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.incidents import Announced, Matched, labelled_incidents, match
from vad_edge_training.progress import Progress, silent
from vad_edge_training.sensor_faults import SensorFault

SHUFFLES = 20


@dataclass(frozen=True, slots=True)
class ClipEvents:
    """One testing clip: its labelled incidents, what was announced, and its seconds of normal life.

    shuffled_early_s are the alarms' early_s after the risk was shuffled in time.
    """

    name: str
    incidents: tuple[tuple[float, float], ...]
    found: Matched
    normal_s: float
    shuffled_early_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class EventEvaluation:
    """All testing clips at one budget; kept is what the camera could keep of it."""

    asked: AlarmBudget
    kept: AlarmBudget
    policy: PolicyConfig
    clips: tuple[ClipEvents, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for machines; a median of nothing is null."""
        delays = [delay for clip in self.clips for delay in clip.found.delays_s]
        found = [delay for delay in delays if delay is not None]
        leads = [alarm.early_s for clip in self.clips for alarm in clip.found.true]
        chance = [early_s for clip in self.clips for early_s in clip.shuffled_early_s]
        hours = sum(clip.normal_s for clip in self.clips) / 3600.0
        false = sum(len(clip.found.false) for clip in self.clips)
        return {
            "budget_asked": str(self.asked),
            "budget_kept": str(self.kept),
            "incidents_total": len(delays),
            "incidents_found": len(found),
            "median_delay_s": _median(found),
            "median_lead_time_s": _median(leads),
            "median_lead_time_shuffled_s": _median(chance),
            "alarms": false + sum(len(clip.found.true) for clip in self.clips),
            "false_alarms": false,
            "normal_hours": round(hours, 5),
            "false_alarms_expected": round(self.kept.per_hour * hours, 5),
            "levels": {str(level): getattr(self.policy, str(level)) for level in list(Level)[1:]},
            "clips": [_plain(clip) for clip in self.clips],
        }


def evaluate_events(
    bundle: Path,
    data: Path,
    calibration: Path,
    budget: AlarmBudget | None = None,
    *,
    sensors: Sequence[SensorConfig] = (),
    latency_s: float = 0.0,
    faults: Sequence[str] = (),
    engine: str = "auto",
    seed: int = 0,
    on_progress: Progress | None = None,
) -> EventEvaluation:
    """Run the calibrated policy over every testing clip of `data`, each a life of its own.

    budget is this camera's, the pack's own where None. sensors are the site's: those that the pack was made
    with are heard from the recordings beside the clips, after the faults, such as ``delay:30``, have been
    done to them. Raises BundleError for a pack without levels or made for another model, DataError where
    labels and clips do not fit, SensorError for a bad recording, ConfigError for a fault that there is not.
    """
    opened, pack = read_bundle(bundle), read_pack(calibration)
    graph = opened.graph(pack.precision)
    verdict = pack_fits(pack, opened, graph)
    if not verdict.ok:
        raise BundleError(verdict.reason, where=str(calibration), fix=verdict.fix)
    spoilt = [SensorFault.parse(fault, sensors) for fault in faults]
    levels = _levels_of(pack, sensors, spoilt)
    if levels is None:
        raise BundleError(
            "it has no alarm levels", where=str(calibration), fix="make it with `vad-edge calibrate`"
        )
    asked = budget or AlarmBudget.parse(levels.asked).share(levels.cameras)
    weight = None if pack.weight is None else np.asarray(pack.weight, np.float32)
    policy = policy_for(levels, asked.per_hour)
    folder = open_dataset(data)
    report = on_progress or silent
    random = np.random.default_rng(seed)
    clips = []
    for done, clip in enumerate(folder.testing):
        report("scoring", done, len(folder.testing))
        recording = score_recording(
            opened, clip, engine=engine, precision=pack.precision, fps=folder.fps, weight=weight
        )
        truth = folder.labels(clip)
        if recording.truncated or len(recording.time_s) != len(truth):
            raise DataError(
                f"{len(truth)} labels for {len(recording.time_s)} frames",
                where=str(clip),
                fix=recording.truncated or "label every frame once",
            )
        stretches = list(cut_into_stretches(clip_name(clip), recording, opened))
        if pack.sensors and sensors:
            stretches = _heard(pack, sensors, latency_s, spoilt, clip, stretches, random)
        risks = [
            risk_of(part, pack.calibration, opened.manifest.cues, policy, pack.gathering)
            for part in stretches
        ]
        clips.append(
            judge(
                clip_name(clip),
                stretches,
                risks,
                recording.time_s,
                truth,
                policy,
                pack.calibration.block_s,
                random,
            )
        )
    report("scoring", len(clips), len(clips))
    return EventEvaluation(asked, kept_budget(levels, asked.per_hour), policy, tuple(clips))


def _levels_of(
    pack: CameraPack, sensors: Sequence[SensorConfig], faults: Sequence[SensorFault]
) -> AlarmLevels | None:
    """The pack's levels for the streams that are left, as a run takes them."""
    gone = {fault.stream.name for fault in faults if fault.kind == "without" and fault.stream is not None}
    missing = [name for name in pack.sensors if name in gone or not sensors]
    if not missing:
        return pack.levels
    return pack.partial_levels.get(missing[0] if len(missing) == 1 else VIDEO_ALONE, pack.levels)


def _heard(
    pack: CameraPack,
    sensors: Sequence[SensorConfig],
    latency_s: float,
    faults: Sequence[SensorFault],
    clip: Path,
    stretches: list[Stretch],
    random: np.random.Generator,
) -> list[Stretch]:
    """The stretches with what the pack's streams said, each clip from what the pack has learned."""
    states = [sensor for sensor in sensors if sensor.role != "evidence"]
    counted = [
        sensor.model_copy(update={"weight": pack.sensors[sensor.name].weight})
        for sensor in sensors
        if sensor.name in pack.sensors
    ]
    learned = {name: stream.learned for name, stream in pack.sensors.items()}
    listener = Listener([*counted, *states], pack.camera, latency_s=latency_s, learned=learned)
    beside = recording_beside(clip)
    messages = read_recording(beside) if beside is not None else []
    for fault in faults:
        messages = fault.done_to(messages, random)
    return listener.hear(HeardClip(began_at(clip), tuple(stretches), tuple(messages)))


def judge(
    name: str,
    stretches: Sequence[Stretch],
    risks: Sequence[NDArray[np.float64]],
    time_s: NDArray[np.float64],
    truth: NDArray[np.bool_],
    policy: PolicyConfig,
    block_s: float,
    random: np.random.Generator,
) -> ClipEvents:
    """Compare what the policy announces on a clip's risks with its labels, one for each of `time_s`."""
    incidents = labelled_incidents(time_s, truth)
    alarms = [
        alarm
        for part, risk in zip(stretches, risks, strict=True)
        for alarm in announced(part.time_s, risk, policy)
    ]
    shuffled = [
        alarm.early_s
        for part, risk in zip(stretches, risks, strict=True)
        for _ in range(SHUFFLES)
        for alarm in announced(part.time_s, _shuffled(part.time_s, risk, block_s, random), policy)
    ]
    frame_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    normal_s = float((~truth).sum()) * frame_s
    return ClipEvents(name, tuple(incidents), match(incidents, alarms), normal_s, tuple(shuffled))


def announced(
    time_s: NDArray[np.float64], risk: NDArray[np.float64], policy: PolicyConfig
) -> list[Announced]:
    """The alarms of one uninterrupted risk, as the machine of a run announces them."""
    machine = WarningMachine(policy, new_incident=lambda: "incident")
    alarms: list[Announced] = []
    opened_s = standing_s = early_s = math.nan
    for now_s, value in zip(time_s.tolist(), risk.tolist(), strict=True):
        change = machine.update(Risk(now_s, value, {}))
        if change is None:
            continue
        if change.kind == "opened":
            opened_s = now_s
        if change.level is Level.ALARM:
            standing_s, early_s = now_s, now_s - opened_s
        elif change.previous is Level.ALARM:
            alarms.append(Announced(standing_s, now_s, early_s))
    if machine.level is Level.ALARM:
        alarms.append(Announced(standing_s, math.inf, early_s))
    return alarms


def _shuffled(
    time_s: NDArray[np.float64], risk: NDArray[np.float64], block_s: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """The risk with its blocks of one correlation time in another order: what comes first is chance."""
    frame_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    length = max(round(block_s / frame_s), 1)
    blocks = [risk[begin : begin + length] for begin in range(0, len(risk), length)]
    return np.concatenate([blocks[place] for place in random.permutation(len(blocks))])


def _median(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 3) if values else None


def _plain(clip: ClipEvents) -> dict[str, Any]:
    return {
        "clip": clip.name,
        "incidents": [
            {"begin_s": begin, "end_s": end, "delay_s": delay}
            for (begin, end), delay in zip(clip.incidents, clip.found.delays_s, strict=True)
        ],
        "false_alarms_s": [alarm.time_s for alarm in clip.found.false],
    }
