"""Folds of labelled anomalies: which events a model may see, and which frames remain to test it on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import ConfigError, DataError

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fold:
    """One of `count` parts of the abnormal events, from 1; it is trained on, the others are tested."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not (self.count >= 2 and 1 <= self.index <= self.count):
            raise ConfigError(f"{self} is not a fold", where="fold", fix="give one such as 1/5")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Fold:
        """A fold from ``1/5``. Raises ConfigError for anything else."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match is None:
            raise ConfigError(f"{text!r} is not a fold", where="fold", fix="give one such as 1/5")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class AbnormalSpan:
    """A run of abnormal frames, begin <= frame < end, of the testing clip of that number."""

    clip: int
    begin: int
    end: int


def split_events(labels: Sequence[BoolArray]) -> list[AbnormalSpan]:
    """The abnormal events of all testing clips, from one (T,) array of labels a clip."""
    events = []
    for clip, flags in enumerate(labels):
        edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
        events += [
            AbnormalSpan(clip, int(begin), int(end))
            for begin, end in zip(edges[::2], edges[1::2], strict=True)
        ]
    return events


def events_of_fold(events: Sequence[AbnormalSpan], fold: Fold) -> list[AbnormalSpan]:
    """The events of one fold: dealt out in order, so that every event is in exactly one.

    Raises DataError where there are fewer events than folds.
    """
    if len(events) < fold.count:
        raise DataError(
            f"{len(events)} abnormal events cannot be dealt to {fold.count} folds",
            fix="label more of the testing clips, or take fewer folds",
        )
    return list(events[fold.index - 1 :: fold.count])


def evaluated(labels: Sequence[BoolArray], trained: Sequence[AbnormalSpan], margin: int) -> list[BoolArray]:
    """Which frames remain for the test, one (T,) array a clip: none within `margin` of a trained event."""
    remaining = [np.ones(len(flags), np.bool_) for flags in labels]
    for event in trained:
        remaining[event.clip][max(event.begin - margin, 0) : event.end + margin] = False
    return remaining


def abnormal_starts(event: AbnormalSpan, frames: int, length: int) -> list[int]:
    """Where abnormal clips of `length` frames begin: more than half of all but the last frame are abnormal.

    frames: how many the testing clip has. Empty where the event is too short for any.
    """
    seen = length - 1
    starts = range(max(event.begin - seen, 0), min(event.end, frames - length + 1))
    return [start for start in starts if 2 * (min(start + seen, event.end) - max(start, event.begin)) > seen]
