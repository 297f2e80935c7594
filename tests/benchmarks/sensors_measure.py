"""What sensors add under an alarm budget, on a synthetic building: `make bench-sensors_measure`.

Calibrates on some hours of made-up life, counts false alarms on others, and looks for incidents in a third
part: with several fusions, without each sensor, and with sensors that fail. Nothing here is real. HOURS=48 is
quick; another SEED, hundreds apart, is another building's life.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter
from scipy.stats import norm
from tests.support import building
from tests.support.building import CUES, FPS, SENSORS, Happening, Life

from vad_edge.bundle.calibration import Calibration
from vad_edge.calibration.fit import default_policy
from vad_edge.calibration.levels import fit_levels
from vad_edge.calibration.policy_replay import PolicyReplay, incidents_at
from vad_edge.calibration.tails import correlation_time, fit_tails
from vad_edge.clock import MediaClock
from vad_edge.config.site import PolicyConfig
from vad_edge.fusion.accumulate import FADES_OVER
from vad_edge.fusion.fuse import STREAM_CAP, STREAM_FLOOR
from vad_edge.fusion.policy import RETURN_S, WARNING_TIMES, WATCH_TIMES, rising
from vad_edge.scoring.tail import tail_surprise
from vad_edge.sensors.hub import SensorHub
from vad_edge.sensors.recording import RecordedMessage
from vad_edge_training.evaluate.evaluate_events import Decided, announced
from vad_edge_training.evaluate.sensor_faults import SensorFault

HOURS = float(os.environ.get("HOURS", "96"))
SEED = int(os.environ.get("SEED", "0"))
BUDGETS = {"1/hour": 1.0, "6/day": 0.25, "1/day": 1 / 24}
SHUFFLED_S = 15.0
GRACE_S = 2.0
VIDEO = "video alone"
STREAMS = [sensor.name for sensor in SENSORS if sensor.role == "evidence"]
KEPT = f"CUSUM of that, fading over {FADES_OVER:g} blocks (kept)"
SHUFFLES = 5

FloatArray = NDArray[np.float64]
Fusion = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class Part:
    """One stretch of life: video (T,) and heard (T, S) are surprises."""

    life: Life
    video: FloatArray
    heard: FloatArray


@dataclass(frozen=True)
class Found:
    """What one budget found: delays from when an incident is seen, and what was false."""

    delays_s: tuple[float, ...]
    false: int

    @property
    def median_s(self) -> float:
        return float(np.median(self.delays_s)) if self.delays_s else float("nan")


def video_surprise(scores: FloatArray, calibration: Calibration) -> FloatArray:
    """The video's total surprise at every frame, smoothed as a run does."""
    summed = sum(tail_surprise(calibration.cues[cue], scores[:, place]) for place, cue in enumerate(CUES))
    return smoothed(tail_surprise(calibration.total, summed))


def smoothed(values: FloatArray) -> FloatArray:
    follow = -np.expm1(-1.0 / FPS / 0.2)
    return np.asarray(lfilter([follow], [1.0, follow - 1.0], values, axis=0))


def listen(
    life: Life, messages: Sequence[RecordedMessage] | None, learned: Mapping[str, Any], after: float
) -> tuple[FloatArray, dict[str, Any]]:
    """The surprises of the streams in a life, `after` hours later, and what they know in the end."""
    hub = SensorHub(SENSORS, MediaClock(building.START + timedelta(hours=after)))
    hub.take_up(learned)
    for message in life.messages if messages is None else messages:
        hub.accept(message.topic, message.payload, message.time_s)
    heard = np.full((len(life.scores), len(STREAMS)), np.nan)
    for row, time_s in enumerate(life.time_s.tolist()):
        for said in hub.evidence("camera", time_s):
            heard[row, STREAMS.index(said.stream)] = said.surprise
    return smoothed(np.nan_to_num(heard)) + 0.0 * heard, hub.learned()


def done(fault: str) -> Callable[[Sequence[RecordedMessage], int], list[RecordedMessage]]:
    """Does a fault of `vad-edge evaluate --sensor-fault` to messages, by a seed."""
    parsed = SensorFault.parse(fault, SENSORS)
    return lambda messages, seed: parsed.done_to(messages, np.random.default_rng(seed))


def fusions(taught: Part) -> dict[str, Fusion]:
    """All that are compared; what they need to know is learned from `taught`."""
    z = _z(np.column_stack([taught.video, taught.heard]))
    correlation = np.corrcoef(z.T)
    weights = np.ones(len(correlation))
    scale = float(np.sqrt(weights @ correlation @ weights))

    def stouffer(video: FloatArray, heard: FloatArray) -> FloatArray:
        sums = _z(np.column_stack([video, heard])) @ weights / scale
        return np.asarray(-norm.logsf(sums) / np.log(10))

    def counting(floor: float, cap: float) -> Fusion:
        return lambda video, heard: video + np.maximum(np.minimum(heard, cap) - floor, 0.0).sum(axis=1)

    kept = counting(STREAM_FLOOR, STREAM_CAP)
    once = kept(taught.video, taught.heard)
    block_s = correlation_time([once], FPS)
    blocks = _block_maxima(once, block_s)

    def sequential(deviations: float, fades_over: float) -> Fusion:
        usual = float(blocks.mean() + deviations * blocks.std())
        keep = float(np.exp(-1.0 / fades_over))
        return lambda video, heard: accumulated(kept(video, heard), block_s, usual, keep)

    return {
        VIDEO: lambda video, heard: video,
        "maximum": lambda video, heard: np.maximum(video, heard.max(axis=1)),
        "Stouffer, measured correlation": stouffer,
        "sum": counting(0.0, np.inf),
        "sum, a stream at most 3": counting(0.0, 3.0),
        "sum, a stream at most 1": counting(0.0, 1.0),
        "sum of what a stream says above 1": counting(1.0, np.inf),
        f"the same from {STREAM_FLOOR:g} to {STREAM_CAP:g}": kept,
        "CUSUM of that, one maximum a block": sequential(1.0, np.inf),
        KEPT: sequential(1.0, FADES_OVER),
        "the same, fading over 4 blocks": sequential(1.0, 4.0),
        "e-detector, p^-1/2 of each block": _e_detector(blocks, block_s, kept),
    }


def _z(surprise: FloatArray) -> FloatArray:
    return np.asarray(norm.isf(np.clip(10.0 ** -np.minimum(surprise, 12.0), 1e-12, 0.9)))


def _block_maxima(values: FloatArray, block_s: float) -> FloatArray:
    length = round(block_s * FPS)
    return np.asarray(values[: len(values) // length * length].reshape(-1, length).max(axis=1))


def accumulated(values: FloatArray, block_s: float, usual: float, keep: float) -> FloatArray:
    """What `vad_edge.fusion.accumulate.Accumulator` accumulates, at once for all frames."""
    length = round(block_s * FPS)
    padded = np.pad(values, (0, -len(values) % length)).reshape(-1, length)
    so_far = np.maximum.accumulate(padded, axis=1)
    past, rows = 0.0, np.empty_like(so_far)
    for place, block in enumerate(so_far):
        rows[place] = np.maximum(past * keep + block - usual, 0.0)
        past = rows[place, -1]
    return np.asarray(rows.ravel()[: len(values)])


def _e_detector(blocks: FloatArray, block_s: float, summed: Fusion) -> Fusion:
    """The logarithm of an e-detector that bets 1/2 p^(-1/2) on each block's rank among normal ones."""
    ordered = np.sort(blocks)

    def risk(video: FloatArray, heard: FloatArray) -> FloatArray:
        values = summed(video, heard)
        above = len(ordered) - np.searchsorted(ordered, values, side="left")
        surprise = -np.log10((above + 1.0) / (len(ordered) + 1.0))
        return accumulated(0.5 * surprise, block_s, float(np.log10(2.0)), 1.0)

    return risk


def policies_at(risk: FloatArray) -> dict[str, PolicyConfig]:
    """The policies whose levels keep each budget on this risk, by `calibrate`'s rule for accumulated risk."""
    base = default_policy(len(risk) / FPS)
    fit = fit_levels(replay_of(risk), base, accumulated=True)
    found = {}
    for name, per_hour in BUDGETS.items():
        wanted = (fit.level(times * per_hour) for times in (WATCH_TIMES, WARNING_TIMES, 1.0))
        levels = rising(*wanted, hysteresis=base.hysteresis)
        found[name] = base.model_copy(update=dict(zip(("watch", "warning", "alarm"), levels, strict=True)))
    return found


def levelled(
    video: FloatArray,
    heard: FloatArray,
    fuse: Fusion,
    budget: str,
    partial: dict[tuple[int, ...], dict[str, PolicyConfig]],
) -> FloatArray:
    """The risk with the streams that count at each moment, shifted so that one alarm level serves all.

    A run changes the level and not the risk; for the moment of an alarm it is the same.
    """
    back = round(RETURN_S * FPS)
    absent = maximum_filter1d(np.isnan(heard), back, axis=0, origin=(back - 1) // 2)
    everyone = tuple(range(heard.shape[1]))
    added, shifts = np.zeros_like(heard), np.zeros(len(video))
    for missing in {tuple(np.flatnonzero(row).tolist()) for row in np.unique(absent, axis=0)}:
        left_out = missing if missing in partial else everyone
        rows = (absent == np.isin(everyone, missing)).all(axis=1)
        said = np.nan_to_num(heard[rows])
        said[:, list(left_out)] = 0.0
        shift = partial[()][budget].alarm - partial[left_out][budget].alarm
        added[rows], shifts[rows] = said, shift
    return fuse(video, added) + shifts


def replay_of(risk: FloatArray) -> PolicyReplay:
    return PolicyReplay(np.arange(len(risk)) / FPS, risk, len(risk) / FPS)


def alarms(risk: FloatArray, policy: PolicyConfig) -> FloatArray:
    """When alarms are announced."""
    whole = replay_of(risk)
    return np.asarray(
        whole.time_s[incidents_at(whole, whole.persistent(policy), policy.alarm, policy).begins]
    )


def judge(at_s: FloatArray, incidents: Sequence[Happening]) -> Found:
    delays, true = [], np.zeros(len(at_s), np.bool_)
    for incident in incidents:
        mine = (at_s >= incident.heard_s) & (at_s <= incident.end_s + GRACE_S)
        true |= mine
        if mine.any():
            delays.append(float(at_s[mine][0] - incident.begin_s))
    return Found(tuple(delays), int((~true).sum()))


def leads(risk: FloatArray, policy: PolicyConfig, incidents: Sequence[Happening]) -> tuple[float, float]:
    """Medians over the incidents found: from first watch or warning to alarm, and to when they are seen."""
    to_alarm, to_seen = [], []
    for alarm in announced(Decided(np.arange(len(risk)) / FPS, risk, (policy,) * len(risk))):
        for incident in incidents:
            if incident.heard_s <= alarm.time_s <= incident.end_s + GRACE_S:
                to_alarm.append(alarm.early_s)
                to_seen.append(incident.begin_s - (alarm.time_s - alarm.early_s))
                break
    return float(np.median(to_alarm or [np.nan])), float(np.median(to_seen or [np.nan]))


def shuffled(heard: FloatArray, random: np.random.Generator) -> FloatArray:
    """What was heard, its blocks in another order: what leads now leads by chance."""
    length = round(SHUFFLED_S * FPS)
    blocks = [heard[begin : begin + length] for begin in range(0, len(heard), length)]
    return np.concatenate([blocks[place] for place in random.permutation(len(blocks))])


def main() -> None:
    console = Console(width=130)
    taught_life = building.live(HOURS, seed=SEED + 1)
    calm_life = building.live(HOURS, seed=SEED + 2)
    test_life = building.live(HOURS / 2, seed=SEED + 3, incidents_per_hour=6.0)
    scores = taught_life.scores
    block_s = max(correlation_time([scores[:, column]], FPS) for column in range(len(CUES)))
    calibration = fit_tails([scores], CUES, fps=FPS, block_s=block_s)

    said, learned = listen(taught_life, None, {}, 0.0)
    taught = Part(taught_life, video_surprise(scores, calibration), np.nan_to_num(said))
    calm = Part(
        calm_life,
        video_surprise(calm_life.scores, calibration),
        np.nan_to_num(listen(calm_life, None, learned, HOURS)[0]),
    )
    test = Part(
        test_life,
        video_surprise(test_life.scores, calibration),
        np.nan_to_num(listen(test_life, None, learned, HOURS)[0]),
    )
    incidents = test_life.incidents
    console.print(
        f"{date.today()}, load {os.getloadavg()[0]:.1f}: synthetic building, seed {SEED}, {HOURS:g} h to"
        f" calibrate on, {HOURS:g} h of other normal life, {HOURS / 2:g} h with {len(incidents)} incidents"
    )

    choices = fusions(taught)
    table = Table("fusion", *(f"{name}: found, delay, false (allowed)" for name in BUDGETS), box=None)
    for name, fuse in choices.items():
        cells = []
        learning, looking, resting = (fuse(part.video, part.heard) for part in (taught, test, calm))
        for budget, policy in policies_at(learning).items():
            found = judge(alarms(looking, policy), incidents)
            false, allowed = len(alarms(resting, policy)), BUDGETS[budget] * HOURS
            cells.append(f"{len(found.delays_s)}, {found.median_s:.1f} s, {false} ({allowed:.0f})")
        table.add_row(name, *cells)
    console.print(table)

    fuse = choices[KEPT]
    streams = range(taught.heard.shape[1])
    partial = {}
    for missing in [(), *((place,) for place in streams), tuple(streams)]:
        said = taught.heard.copy()
        said[:, list(missing)] = 0.0
        partial[missing] = policies_at(fuse(taught.video, said))
    policies = partial[()]
    random = np.random.default_rng(0)
    for name, policy in policies.items():
        risk = fuse(test.video, test.heard)
        to_alarm, to_seen = leads(risk, policy, incidents)
        chance = [
            leads(fuse(test.video, shuffled(test.heard, random)), policy, incidents) for _ in range(SHUFFLES)
        ]
        console.print(
            f"{name}: watch to alarm {to_alarm:.1f} s (sensors shuffled in time: {_median(chance, 0):.1f} s),"
            f" watch to seen {to_seen:.1f} s (shuffled: {_median(chance, 1):.1f} s)"
        )

    # The first half of the calm life, with the same seed's messages.
    ended_s = HOURS / 2 * 3600.0
    short_life = replace(
        calm_life,
        hours=HOURS / 2,
        scores=calm_life.scores[: round(ended_s * FPS)],
        messages=tuple(message for message in calm_life.messages if message.time_s < ended_s),
    )
    faults: dict[str, Any] = {
        "all sensors": lambda messages, seed: list(messages),
        **{f"without {sensor.name}": done(f"without:{sensor.name}") for sensor in SENSORS},
        "no sensor at all": lambda messages, seed: [],
        "delayed by 5 s": done("delay:5"),
        "delayed by 30 s": done("delay:30"),
        "an hour off": done("delay:3600"),
        "a third lost": done(f"loss:{1 / 3}"),
        "sound stuck high": building.stuck,
        "sound lying": building.lying,
    }
    console.print(f"with faults: found, delay, false alarms (allowed) at {', '.join(BUDGETS)}")
    for number, (name, fault) in enumerate(faults.items()):
        heard = listen(test_life, fault(test_life.messages, number), learned, HOURS)[0]
        quiet = listen(short_life, fault(short_life.messages, number), learned, HOURS)[0]
        cells = []
        for budget_name, policy in policies.items():
            looking = levelled(test.video, heard, fuse, budget_name, partial)
            resting = levelled(calm.video[: len(quiet)], quiet, fuse, budget_name, partial)
            found = judge(alarms(looking, policy), incidents)
            false = len(alarms(resting, policy))
            allowed = BUDGETS[budget_name] * HOURS / 2
            cells.append(f"{len(found.delays_s)}, {found.median_s:.1f} s, {false} ({allowed:.0f})")
        console.print(f"  {name}: {' | '.join(cells)}")


def _median(pairs: Sequence[tuple[float, float]], place: int) -> float:
    return float(np.nanmedian([pair[place] for pair in pairs]))


if __name__ == "__main__":
    main()
