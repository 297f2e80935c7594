"""The levels of a camera pack as the policy they were derived under, whole or without some of the streams."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from vad_edge.budget import AlarmBudget
from vad_edge.bundle.levels import AlarmLevels
from vad_edge.config.site import PolicyConfig

WATCH_TIMES = 100.0
WARNING_TIMES = 10.0
"""How much more often than an alarm these levels may come."""
STEP = 0.05
"""Smallest distance between two levels."""


def policy_of(levels: AlarmLevels) -> PolicyConfig:
    """The policy to run at these levels."""
    return PolicyConfig(**levels.model_dump(include=set(PolicyConfig.model_fields)))


def policy_for(levels: AlarmLevels, per_hour: float) -> PolicyConfig:
    """The same for another budget, in alarms an hour; rarer ones than the footage backs are not kept."""
    rates = np.log(levels.rates_per_hour[::-1])
    kept = max(per_hour, levels.backed_per_hour)
    watch, warning, alarm = rising(
        *(
            float(np.interp(np.log(times * kept), rates, levels.risks[::-1]))
            for times in (WATCH_TIMES, WARNING_TIMES, 1.0)
        ),
        hysteresis=levels.hysteresis,
    )
    return policy_of(levels).model_copy(update={"watch": watch, "warning": warning, "alarm": alarm})


def rising(watch: float, warning: float, alarm: float, *, hysteresis: float) -> tuple[float, float, float]:
    """The three levels, at least `STEP` apart, with room for the hysteresis below watch."""
    watch = max(watch, hysteresis + STEP)
    warning = max(warning, watch + STEP)
    return watch, warning, max(alarm, warning + STEP)


def kept_budget(levels: AlarmLevels, per_hour: float) -> AlarmBudget:
    """What a camera keeps of so many alarms an hour: as many, or what its footage backs."""
    return AlarmBudget.from_rate(max(per_hour, levels.backed_per_hour))


RETURN_S = 60.0
"""How long a stream must have been back before levels count on it again."""


class Standing:
    """Levels are set for all streams together; without one of them they would be too high.

    policies holds one for each stream that may be missing, by its name, and under "" the one for video alone,
    for when more are missing. A stream that drops out counts at once, one that is back after `RETURN_S`.
    """

    def __init__(
        self, streams: Collection[str], whole: PolicyConfig, policies: Mapping[str, PolicyConfig]
    ) -> None:
        self._streams = frozenset(streams)
        self._whole = whole
        self._policies = policies
        self._absent: dict[str, float] = {}

    def update(self, believed: Collection[str], time_s: float) -> tuple[PolicyConfig, frozenset[str]]:
        """The policy at `time_s`, and the streams that count by it."""
        for stream in self._streams.difference(believed):
            self._absent[stream] = time_s
        if self._absent:
            self._absent = {
                stream: at_s for stream, at_s in self._absent.items() if abs(time_s - at_s) < RETURN_S
            }
        if not self._absent:
            return self._whole, self._streams
        if len(self._absent) == 1:
            (missing,) = self._absent
            if missing in self._policies:
                return self._policies[missing], self._streams - {missing}
        if "" in self._policies:
            return self._policies[""], frozenset()
        return self._whole, self._streams
