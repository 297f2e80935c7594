"""The alarm budget: how many false alarms a site may raise in a stretch of armed time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from typing_extensions import Self

from vad_edge.errors import ConfigError

Period = Literal["hour", "day", "week"]

_HOURS: Final[dict[Period, float]] = {"hour": 1.0, "day": 24.0, "week": 168.0}
_TEXT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(hour|day|week)")
_MOST_PER_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class AlarmBudget:
    """At most `count` false alarms in each `period` of armed time, on average.

    Its text form is ``COUNT/PERIOD``. Raises ConfigError for a count that is not a positive number, or more
    than one alarm a second.

    >>> AlarmBudget.parse("2/day").per_hour * 24
    2.0
    """

    count: float
    period: Period

    def __post_init__(self) -> None:
        if self.period not in _HOURS:
            raise ConfigError(f"{self.period!r} is no period of a budget", fix="give hour, day or week")
        if not 0.0 < self.per_hour <= _MOST_PER_HOUR:
            raise ConfigError(f"{self} is no alarm budget", fix="give a count above 0, such as 1/week")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The budget that ``1/week``, ``2/day`` or ``1/hour`` means. Raises ConfigError for anything else."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise ConfigError(f"{text!r} is no alarm budget", fix="write 1/week, 2/day or 1/hour")
        period = next(period for period in get_args(Period) if period == match[2])
        return cls(float(match[1]), period)

    @classmethod
    def from_rate(cls, per_hour: float) -> Self:
        """The budget just above a rate, to two digits: what is promised is never less than what was found."""
        if not 0.0 < per_hour < math.inf:
            raise ConfigError(f"{per_hour} an hour is no rate", fix="give a finite number above 0")
        period: Period = "hour" if per_hour > 1.0 else "day" if per_hour > 1.0 / 24.0 else "week"
        return cls(_rounded_up(per_hour * _HOURS[period]), period)

    @property
    def per_hour(self) -> float:
        """False alarms an hour."""
        return self.count / _HOURS[self.period]

    @property
    def interval_s(self) -> float:
        """Armed seconds from one false alarm to the next, on average."""
        return 3600.0 / self.per_hour

    def share(self, cameras: int) -> AlarmBudget:
        """What each of `cameras` may spend of a site's budget."""
        return AlarmBudget(self.count / cameras, self.period)

    def __str__(self) -> str:
        return f"{self.count:.4g}/{self.period}"


def _rounded_up(count: float) -> float:
    """Two digits, never less than `count`."""
    step = 10.0 ** (math.floor(math.log10(count)) - 1)
    return round(math.ceil(count / step - 1e-9) * step, 12)
