"""Calibration data: what normal footage scored, as it is stored in bundles and camera packs."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self


class Tail(BaseModel):
    """The distribution of one score on normal footage.

    Below the knee it is empirical: scores[i] is the quantile at levels[i], both rising, the last pair being
    the knee. Above the knee it is a generalised Pareto tail of that scale and shape; shape 0 is the
    exponential one.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    levels: tuple[float, ...] = Field(min_length=2)
    scores: tuple[float, ...] = Field(min_length=2)
    scale: float = Field(gt=0)
    shape: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _pairs_rise(self) -> Self:
        if len(self.levels) != len(self.scores):
            raise ValueError("levels and scores differ in length")
        if any(b < a for axis in (self.levels, self.scores) for a, b in pairwise(axis)):
            raise ValueError("levels and scores must not fall")
        if self.levels[0] < 0.0 or self.levels[-1] >= 1.0:
            raise ValueError("levels lie in [0, 1)")
        return self


class Joining(BaseModel):
    """How the surprises of a frame's cues become one.

    counted names the cues that count, all where it is empty. norm is what joins theirs: ``sum``, or ``root``
    of the sum of their squares, in which one strong cue counts more than several weak ones.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    counted: tuple[str, ...] = ()
    norm: Literal["sum", "root"] = "sum"


SUM_OF_ALL: Final = Joining()


class Calibration(BaseModel):
    """What turns raw scores of one graph on one camera into surprises.

    cues holds a tail for each cue; total the tail of their surprises' joint, so that their dependence
    is measured and not assumed; joining says which joint. frames and seconds say how much footage stands
    behind it, fps the rate it was scored at, footage the fingerprints (sha256) of the files used. block_s is
    the time whose largest score the tails describe; 0 where they describe single frames.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    cues: dict[str, Tail] = Field(min_length=1)
    total: Tail
    frames: int = Field(ge=1)
    seconds: float = Field(gt=0)
    fps: float = Field(gt=0)
    footage: tuple[str, ...] = ()
    block_s: float = Field(default=0.0, ge=0)
    joining: Joining = SUM_OF_ALL

    @model_validator(mode="after")
    def _counts_what_is_there(self) -> Self:
        if not set(self.joining.counted) <= set(self.cues):
            raise ValueError("the joining counts a cue that has no tail")
        return self
