"""What a calibrated camera would have announced on labelled clips: found, how soon, how often for nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.archive import read_bundle
from vad_edge.bundle.pack import CameraPack, pack_fits, read_pack
from vad_edge.calibration.policy_replay import risk_of
from vad_edge.calibration.scores import Stretch, cut_into_stretches
from vad_edge.calibration.sensors import HeardClip, Listener, began_at, messages_beside
from vad_edge.config.site import PolicyConfig, SensorConfig
from vad_edge.errors import BundleError, DataError
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level, WarningMachine
from vad_edge.fusion.policy import Standing, kept_budget, policy_for
from vad_edge.pipeline import score_recording
from vad_edge_training.datasets.dataset import clip_name
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.evaluate.incidents import Announced, Matched, labelled_incidents, match
from vad_edge_training.evaluate.sensor_faults import SensorFault
from vad_edge_training.fit.progress import Progress, silent

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
class Decided:
    """One uninterrupted risk, (T,), with the policy that held at each frame."""

    time_s: NDArray[np.float64]
    risk: NDArray[np.float64]
    policies: tuple[PolicyConfig, ...]


@dataclass(frozen=True, slots=True)
class EventEvaluation:
    """All testing clips at one budget; kept is what the camera could keep of it, policy what held longest."""

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
    done to them, and the levels follow which of them can be believed; gates do not disarm. Raises BundleError
    for a pack without levels, made for another model, or for another graph than the engine here runs,
    DataError where labels and clips do not fit, SensorError for a bad recording, ConfigError for a fault that
    there is not.
    """
    opened, pack = read_bundle(bundle), read_pack(calibration)
    graph = opened.graph_of(pack.graph_sha256) or opened.graph(pack.precision)
    verdict = pack_fits(pack, opened, graph)
    if not verdict.ok:
        raise BundleError(verdict.reason, where=str(calibration), fix=verdict.fix)
    spoilt = [SensorFault.parse(fault, sensors) for fault in faults]
    levels = pack.levels
    if levels is None:
        raise BundleError(
            "it has no alarm levels", where=str(calibration), fix="make it with `vad-edge calibrate`"
        )
    asked = budget or AlarmBudget.parse(levels.asked).share(levels.cameras)
    weight = None if pack.weight is None else np.asarray(pack.weight, np.float32)
    whole = policy_for(levels, asked.per_hour)
    partial = {name: policy_for(left, asked.per_hour) for name, left in pack.partial_levels.items()}
    folder = open_dataset(data)
    report = on_progress or silent
    random = np.random.default_rng(seed)
    clips = []
    held: Counter[PolicyConfig] = Counter()
    for done, clip in enumerate(folder.testing):
        report("scoring", done, len(folder.testing))
        recording = score_recording(
            opened, clip, engine=engine, precision=pack.precision, fps=folder.fps, weight=weight
        )
        if recording.graph != graph:
            raise BundleError(
                f"it was made for {graph.member}, and the engine here runs {recording.graph.member}",
                where=str(calibration),
                fix="evaluate where that graph runs, or name another --engine",
            )
        truth = folder.labels(clip)
        if recording.truncated or len(recording.time_s) != len(truth):
            raise DataError(
                f"{len(truth)} labels for {len(recording.time_s)} frames",
                where=str(clip),
                fix=recording.truncated or "label every frame once",
            )
        stretches = list(cut_into_stretches(clip_name(clip), recording, opened))
        heard, streams, taken_up = _heard(pack, sensors, latency_s, spoilt, clip, stretches, random)
        standing = Standing(pack.sensors, whole, partial)
        parts = []
        for part in heard:
            counted, policies = stood(part, streams, taken_up, standing)
            risk = risk_of(counted, pack.calibration, opened.manifest.cues, whole, pack.accumulation)
            parts.append(Decided(part.time_s, risk, tuple(policies)))
            held.update(policies)
        clips.append(judge(clip_name(clip), parts, recording.time_s, truth, pack.calibration.block_s, random))
    report("scoring", len(clips), len(clips))
    policy = held.most_common(1)[0][0] if held else whole
    return EventEvaluation(asked, kept_budget(levels, asked.per_hour), policy, tuple(clips))


def _heard(
    pack: CameraPack,
    sensors: Sequence[SensorConfig],
    latency_s: float,
    faults: Sequence[SensorFault],
    clip: Path,
    stretches: Sequence[Stretch],
    random: np.random.Generator,
) -> tuple[Sequence[Stretch], Sequence[str], Collection[str]]:
    """The stretches with what the pack's streams said, each clip from what the pack has learned.

    With the names of the streams, and of those that a run would believe: the others are declared otherwise.
    """
    states = [sensor for sensor in sensors if sensor.role != "evidence"]
    counted = [
        sensor.model_copy(update={"weight": pack.sensors[sensor.name].weight})
        for sensor in sensors
        if sensor.name in pack.sensors
    ]
    if not counted:
        return stretches, (), ()
    learned = {name: stream.learned for name, stream in pack.sensors.items()}
    listener = Listener([*counted, *states], pack.camera, latency_s=latency_s, learned=learned)
    messages = messages_beside(clip)
    for fault in faults:
        messages = fault.done_to(messages, random)
    heard = listener.hear(HeardClip(began_at(clip), tuple(stretches), tuple(messages)))
    return heard, listener.streams, listener.taken_up


def stood(
    part: Stretch, streams: Sequence[str], taken_up: Collection[str], standing: Standing
) -> tuple[Stretch, list[PolicyConfig]]:
    """The stretch with what counts of what the streams said, and the policy at each frame, as in a run."""
    said = np.empty((len(part.time_s), 0)) if part.heard is None else part.heard
    counts, policies = np.zeros(said.shape, bool), []
    believable = np.isfinite(said) & np.asarray([name in taken_up for name in streams], bool)
    for place, time_s in enumerate(part.time_s.tolist()):
        believed = [name for name, is_so in zip(streams, believable[place], strict=True) if is_so]
        policy, counting = standing.update(believed, time_s)
        counts[place] = [name in counting for name in streams]
        policies.append(policy)
    return replace(part, heard=np.where(counts & believable, said, np.nan)), policies


def judge(
    name: str,
    parts: Sequence[Decided],
    time_s: NDArray[np.float64],
    truth: NDArray[np.bool_],
    block_s: float,
    random: np.random.Generator,
) -> ClipEvents:
    """Compare what is announced on a clip's risks with its labels, one for each of `time_s`."""
    incidents = labelled_incidents(time_s, truth)
    alarms = [alarm for part in parts for alarm in announced(part)]
    shuffled = [
        alarm.early_s
        for part in parts
        for _ in range(SHUFFLES)
        for alarm in announced(replace(part, risk=_shuffled(part.time_s, part.risk, block_s, random)))
    ]
    frame_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    normal_s = float((~truth).sum()) * frame_s
    return ClipEvents(name, tuple(incidents), match(incidents, alarms), normal_s, tuple(shuffled))


def announced(part: Decided) -> list[Announced]:
    """The alarms of one uninterrupted risk, as the machine of a run announces them."""
    held = part.policies[0]
    machine = WarningMachine(held, new_incident=lambda: "incident")
    alarms: list[Announced] = []
    opened_s = standing_s = early_s = math.nan
    frames = zip(part.time_s.tolist(), part.risk.tolist(), part.policies, strict=True)
    for now_s, value, policy in frames:
        if policy != held:
            held = policy
            machine.follow(policy)
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
