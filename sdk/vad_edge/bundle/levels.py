"""Alarm levels as a camera pack stores them: what keeps which budget, and how far that was shown."""

from __future__ import annotations

from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self


class Accumulation(BaseModel):
    """How a camera's risk accumulates evidence: over blocks of block_s, above what is usual of a block."""

    model_config = ConfigDict(extra="allow", frozen=True)

    block_s: float = Field(gt=0)
    usual: float = Field(ge=0)


class AlarmLevels(BaseModel):
    """The levels of one camera, and the policy they were derived under.

    rates_per_hour falls while risks rises: at most so many announcements an hour of a level that starts at
    that risk. asked is the budget of the whole site, kept what this camera's share of it became: the same, or
    what its footage can answer for. armed_s is the footage behind it, needed_s what the asked budget would
    have taken. fit_chance is the goodness of fit of the peaks' tail, None where there were too few for one.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    asked: str
    kept: str
    cameras: int = Field(ge=1)
    watch: float = Field(gt=0)
    warning: float = Field(gt=0)
    alarm: float = Field(gt=0)
    hysteresis: float = Field(ge=0)
    dwell_s: float = Field(ge=0)
    clear_s: float = Field(ge=0)
    cooldown_s: float = Field(ge=0)
    smoothing_s: float = Field(ge=0)
    persistence: tuple[int, int]
    rates_per_hour: tuple[float, ...] = Field(min_length=2)
    risks: tuple[float, ...] = Field(min_length=2)
    backed_per_hour: float = Field(gt=0)
    armed_s: float = Field(gt=0)
    needed_s: float = Field(gt=0)
    fit_chance: float | None = None

    @model_validator(mode="after")
    def _curve_rises(self) -> Self:
        if len(self.rates_per_hour) != len(self.risks):
            raise ValueError("rates_per_hour and risks differ in length")
        if any(b >= a for a, b in pairwise(self.rates_per_hour)) or self.rates_per_hour[-1] <= 0:
            raise ValueError("rates_per_hour must fall and stay above 0")
        if any(b < a for a, b in pairwise(self.risks)):
            raise ValueError("risks must not fall")
        if not self.watch < self.warning < self.alarm:
            raise ValueError("watch < warning < alarm must hold")
        return self
