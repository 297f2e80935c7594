"""Which footage is fitted and which is held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import DataError

HELD_OUT = 0.2
"""Share of the training frames not fitted: they pick the checkpoint and calibrate the bundle."""

Clips = list[tuple[str, NDArray[np.uint8]]]
"""Clips by name, each uint8 (T, H, W, 3) BGR."""


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, from the first to the last and as far apart as can be."""
    places = np.unique(np.linspace(0, count - 1, most).round().astype(int))
    return [int(place) for place in places]


def split_clips(
    names: Sequence[str], clips: Sequence[NDArray[np.uint8]], shortest: int
) -> tuple[Clips, Clips]:
    """The clips to fit and those to hold out: the last ones, as few as hold a fifth of all frames.

    A single clip gives its last fifth, under the same name. Raises DataError when less than `shortest`
    frames remain on either side.
    """
    named = list(zip(names, clips, strict=True))
    if len(named) > 1:
        wanted = HELD_OUT * sum(len(frames) for frames in clips)
        first = len(named) - 1
        while first > 1 and sum(len(frames) for frames in clips[first:]) < wanted:
            first -= 1
        fitted, held_out = named[:first], named[first:]
    else:
        name, frames = named[0]
        cut = round(len(frames) * (1 - HELD_OUT))
        fitted, held_out = [(name, frames[:cut])], [(name, frames[cut:])]
    for part, word in ((fitted, "fit"), (held_out, "hold out")):
        if not any(len(frames) >= shortest for _, frames in part):
            raise DataError(
                f"the clips to {word} have less than {shortest} frames", fix="record more normal life"
            )
    return fitted, held_out
