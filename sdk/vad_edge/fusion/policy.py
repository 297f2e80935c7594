"""The levels of a camera pack as the policy they were derived under."""

from __future__ import annotations

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
