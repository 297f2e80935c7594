"""What is normal for one stream by hour and context, learned while it runs.

Every reading is learned, those around an incident included: a disturbance that lasts becomes normal. What is
learned is kept by slot, an hour of the day in a context, and each slot leans on the whole as long as it has
seen little. Silence is nothing learned: a gap counts as one block at most, or as calm where the stream
speaks only on change.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Protocol

from vad_edge.config.site import SensorConfig
from vad_edge.sensors.experience import SURPRISE_CAP, Experience
from vad_edge.sensors.faults import stale_after_s

__all__ = ["SURPRISE_CAP", "AnalogBaseline", "Baseline", "BinaryBaseline", "PulseBaseline", "new_baseline"]

_WARMUP_READINGS = 20
_MEMORY_BLOCKS = 2500.0  # a week of one hour a day, in blocks of ten seconds
_SHRINK_BLOCKS = 30.0  # what the whole is worth beside a slot
_CLIP = 4.0  # one outlier moves what is normal by no more than so many spreads
_SMALLEST_SPREAD = 0.01  # of the mean's size: a stream that never moved still has a resolution
_LARGEST_VALUE = 1e150  # differences of larger ones could overflow
_PRIOR_ONSETS = 1.0
_PRIOR_S = 3600.0
_MEMORY_WATCHED_S = 7 * 86400.0
_CREDIT_S = 3600.0  # a stream that speaks on change may have been cut off: no longer a silence is calm
_MOST_PULSES = 1_000_000.0
_WHOLE = ""


class Baseline(Protocol):
    """Learns one stream and says how rare each reading was when it came."""

    def update(self, value: float, time_s: float, slot: str = _WHOLE) -> float:
        """Learn a reading; returns its surprise against what was known before, 0 to `SURPRISE_CAP`."""
        ...

    def cut(self, ended_s: float, begin_s: float, slot: str = _WHOLE, *, calm: bool = True) -> None:
        """The stream was not received between two moments: nothing is learned of that time.

        calm says whether a silence before it was one of a healthy stream.
        """
        ...

    experience: Experience
    """How often the stream has deviated how far."""

    def state(self) -> dict[str, Any]:
        """What was learned, in plain values for JSON."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave. Raises ValueError, KeyError or TypeError for anything else."""
        ...


class AnalogBaseline:
    """A clipped running mean and mean absolute deviation; a two-sided Laplace tail, corrected by experience.

    The first `warmup` readings are learned with equal weight and cause no surprise. A reading weighs as much
    as the time since the last one, at most a block.
    """

    def __init__(self, block_s: float = 10.0, warmup: int = _WARMUP_READINGS) -> None:
        self._block_s = block_s
        self._warmup = warmup
        self._readings = 0
        self._last_s: float | None = None
        self._slots: dict[str, _Spread] = {}
        self.experience = Experience(block_s)

    def update(self, value: float, time_s: float, slot: str = _WHOLE) -> float:
        """Learn `value`; returns its surprise."""
        value = min(max(value, -_LARGEST_VALUE), _LARGEST_VALUE)
        whole = self._slots.setdefault(_WHOLE, _Spread())
        own = self._slots.setdefault(slot, _Spread())
        mean, spread = own.beside(whole)
        surprise = 0.0
        if self._readings >= self._warmup:
            spread = max(spread, _SMALLEST_SPREAD * abs(mean), 1e-9)
            deviation = min(abs(value - mean) / spread / math.log(10), SURPRISE_CAP)
            surprise = self.experience.surprise(deviation)
            self.experience.learn(deviation, time_s, self._block_s)
        blocks = self._weight(time_s) * self.experience.trust
        for learner in (whole,) if own is whole else (whole, own):
            learner.learn(value, blocks, self._warmup)
        self._readings += 1
        return surprise

    def cut(self, ended_s: float, begin_s: float, slot: str = _WHOLE, *, calm: bool = True) -> None:
        """Learn nothing of the time between; the next reading stands for its own block."""
        self._last_s = None
        self.experience.cut(begin_s)

    def distance(self, value: float) -> float:
        """How many spreads a value lies from the middle of all that was learned."""
        whole = self._slots.get(_WHOLE)
        if whole is None:
            return math.inf
        return abs(value - whole.mean) / max(whole.spread, _SMALLEST_SPREAD * abs(whole.mean), 1e-9)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return {
            "readings": self._readings,
            "slots": {name: list(astuple(spread)) for name, spread in self._slots.items()},
            "experience": self.experience.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        slots = {str(name): _Spread.restored(values) for name, values in state["slots"].items()}
        self.experience.restore(state["experience"])
        self._readings, self._slots = int(state["readings"]), slots

    def _weight(self, time_s: float) -> float:
        """How much of a block this reading stands for."""
        elapsed_s = self._block_s if self._last_s is None else time_s - self._last_s
        self._last_s = time_s
        return min(max(elapsed_s, 0.0), self._block_s) / self._block_s


@dataclass(slots=True)
class _Spread:
    """Mean and mean absolute deviation, clipped so that an outlier moves neither far."""

    readings: int = 0
    blocks: float = 0.0
    mean: float = 0.0
    spread: float = 0.0

    def beside(self, whole: _Spread) -> tuple[float, float]:
        """Mean and spread, leaning on the whole as long as little was seen."""
        own = self.blocks / (self.blocks + _SHRINK_BLOCKS) if self is not whole else 1.0
        mean = own * self.mean + (1 - own) * whole.mean
        return mean, own * self.spread + (1 - own) * whole.spread

    def learn(self, value: float, blocks: float, warmup: int) -> None:
        """Move towards a value that stands for so many blocks."""
        self.readings += 1
        self.blocks = min(self.blocks + blocks, _MEMORY_BLOCKS)
        distance = value - self.mean
        if self.readings <= warmup:
            rate = 1 / self.readings
            self.mean += rate * distance
            if self.readings > 1:
                self.spread += (abs(distance) - self.spread) / (self.readings - 1)
            return
        # Early blocks would otherwise weigh more than all readings of the warm-up.
        rate = min(blocks / max(self.blocks, 1e-9), 1 / warmup if warmup else 1.0)
        floor = max(self.spread, _SMALLEST_SPREAD * abs(self.mean), 1e-9)
        clipped = min(max(distance, -_CLIP * floor), _CLIP * floor)
        self.mean += rate * clipped
        self.spread += rate * (abs(clipped) - self.spread)

    @classmethod
    def restored(cls, state: Any) -> _Spread:
        readings, blocks, mean, spread = (float(value) for value in state)
        if not all(map(math.isfinite, (readings, blocks, mean, spread))) or min(readings, blocks, spread) < 0:
            raise ValueError("this is no stream's spread")
        return cls(int(readings), blocks, mean, spread)


class _Rates:
    """How often something happens, by slot; each slot leans on the whole, the whole on once an hour."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}

    def rate(self, slot: str) -> float:
        """Expected number in a second."""
        whole = self._seen.get(_WHOLE, [0.0, 0.0])
        overall = (_PRIOR_ONSETS + whole[0]) / (_PRIOR_S + whole[1])
        own = self._seen.get(slot, [0.0, 0.0]) if slot != _WHOLE else [0.0, 0.0]
        return (_PRIOR_S * overall + own[0]) / (_PRIOR_S + own[1])

    def learn(self, slot: str, count: float, watched_s: float) -> None:
        """So many in so many seconds of watching."""
        for name in {_WHOLE, slot}:
            seen = self._seen.setdefault(name, [0.0, 0.0])
            seen[0] += count
            seen[1] += watched_s
            if seen[1] > _MEMORY_WATCHED_S:
                kept = _MEMORY_WATCHED_S / seen[1]
                seen[0], seen[1] = seen[0] * kept, seen[1] * kept

    def state(self) -> dict[str, list[float]]:
        return {name: list(seen) for name, seen in self._seen.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        seen = {str(name): [float(count), float(watched_s)] for name, (count, watched_s) in state.items()}
        if not all(math.isfinite(value) and value >= 0 for pair in seen.values() for value in pair):
            raise ValueError("this is no stream's rate")
        self._seen = seen


class _Counting:
    """What counts how often something happens while it is watched; silence is no news up to `credit_s`."""

    def __init__(self, block_s: float, credit_s: float = _CREDIT_S) -> None:
        self._block_s = block_s
        self._credit_s = max(credit_s, block_s)
        self._last_s: float | None = None
        self._rates = _Rates()
        self.experience = Experience(block_s)

    def cut(self, ended_s: float, begin_s: float, slot: str = _WHOLE, *, calm: bool = True) -> None:
        """Count the silence up to `ended_s` as watched where it was calm, and go on from `begin_s`."""
        if self._last_s is None:
            return
        if calm:
            self._rates.learn(slot, 0.0, self._watched(ended_s))
            self.experience.learn(0.0, ended_s, self._credit_s)
        self._last_s = begin_s
        self.experience.cut(begin_s)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return {"rates": self._rates.state(), "experience": self.experience.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self.experience.restore(state["experience"])
        self._rates.restore(state["rates"])

    def _watched(self, time_s: float) -> float:
        """Seconds since the last reading, `credit_s` at most; this one is the last now."""
        last_s, self._last_s = self._last_s, time_s
        return 0.0 if last_s is None else min(max(time_s - last_s, 0.0), self._credit_s)


class BinaryBaseline(_Counting):
    """How often a stream turns on; an onset's deviation is the chance of one within a block.

    A stream that is on when first heard has not turned on.
    """

    def __init__(self, block_s: float, credit_s: float = _CREDIT_S) -> None:
        super().__init__(block_s, credit_s)
        self._was_on = True

    def update(self, value: float, time_s: float, slot: str = _WHOLE) -> float:
        """Learn `value`; returns the surprise of an onset, 0 for every other reading."""
        self._rates.learn(slot, 0.0, self._watched(time_s))
        is_on = value > 0.5
        onset = is_on and not self._was_on
        self._was_on = is_on
        deviation = surprise = 0.0
        if onset:
            chance = -math.expm1(-self._rates.rate(slot) * self._block_s)
            deviation = min(max(-math.log10(chance), 0.0), SURPRISE_CAP) if chance > 0 else SURPRISE_CAP
            surprise = self.experience.surprise(deviation)
            self._rates.learn(slot, 1.0, 0.0)
        self.experience.learn(deviation, time_s, self._credit_s)
        return surprise


class PulseBaseline(_Counting):
    """How many pulses come within a block; deviates when more come than the rate explains.

    The chance of so many is Chernoff's bound for a Poisson count, corrected by experience where pulses come
    in bursts.
    """

    def __init__(self, block_s: float, credit_s: float = _CREDIT_S) -> None:
        super().__init__(block_s, credit_s)
        self._recent: deque[tuple[float, float]] = deque()
        self._within = 0.0

    def update(self, value: float, time_s: float, slot: str = _WHOLE) -> float:
        """Learn so many pulses; returns the surprise of all within the last block."""
        pulses = min(max(value, 0.0), _MOST_PULSES)
        self._rates.learn(slot, 0.0, self._watched(time_s))
        expected = self._rates.rate(slot) * self._block_s
        counted = self._count(pulses, time_s)
        deviation = 0.0
        if pulses > 0 and counted > expected:
            nats = expected - counted + counted * math.log(counted / expected)
            deviation = min(nats / math.log(10), SURPRISE_CAP)
        surprise = self.experience.surprise(deviation)
        self.experience.learn(deviation, time_s, self._credit_s)
        self._rates.learn(slot, pulses, 0.0)
        return surprise

    def cut(self, ended_s: float, begin_s: float, slot: str = _WHOLE, *, calm: bool = True) -> None:
        """The same; what came before is no longer within a block."""
        super().cut(ended_s, begin_s, slot, calm=calm)
        self._recent.clear()
        self._within = 0.0

    def _count(self, pulses: float, time_s: float) -> float:
        """Pulses within the last block; those of one hundredth of a block are kept together."""
        recent = self._recent
        while recent and not 0.0 <= time_s - recent[0][0] < self._block_s:
            self._within -= recent.popleft()[1]
        if not recent:
            self._within = 0.0  # what is left are errors of rounding
        self._within += pulses
        if recent and 0.0 <= time_s - recent[-1][0] < self._block_s / 100:
            began_s, count = recent.pop()
            recent.append((began_s, count + pulses))
        else:
            recent.append((time_s, pulses))
        return self._within


def new_baseline(config: SensorConfig) -> Baseline:
    """The baseline for a stream of `config.kind`, knowing nothing yet."""
    if config.kind == "analog":
        return AnalogBaseline(config.hold_s)
    credit_s = stale_after_s(config) or _CREDIT_S
    return (BinaryBaseline if config.kind == "binary" else PulseBaseline)(config.hold_s, credit_s)


def decayed(surprise: float, age_s: float, hold_s: float) -> float:
    """What is left of a surprise `age_s` later: it falls in a straight line to 0 at `hold_s`."""
    if age_s >= hold_s or surprise == 0.0:
        return 0.0
    return surprise if age_s <= 0.0 else surprise * (1.0 - age_s / hold_s)
