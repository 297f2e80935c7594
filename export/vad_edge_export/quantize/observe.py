"""How far the activations of a network reach on real sequences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.errors import DataError
from vad_edge.inference.engine import NEXT
from vad_edge.inference.onnxruntime_engine import open_session
from vad_edge.video.validity import BLACK_LEVEL
from vad_edge_export.quantize.int8 import Ranges, activations, widened, with_outputs

LIVING_FRAMES: Final = 10
"""Frames that must differ from the one before: fewer are a still, or a stream that hangs."""


def activation_ranges(
    bundle: Bundle,
    layers: Collection[str],
    sequences: Sequence[NDArray[np.uint8]],
    on_progress: Callable[[float], None] = lambda share: None,
) -> Ranges:
    """Smallest and largest value of each activation of `layers` in the fp32 graph, with headroom.

    sequences: uint8 (T, H, W, 3) each, of normal footage; the state is rolled forward along each, as on a
    camera. Raises DataError for footage that `check_life` refuses.
    """
    check_life(sequences)
    member = bundle.graph("fp32").member
    names = activations(bundle.member(member), layers)
    session = open_session(
        with_outputs(bundle.member(member), names), threads=None, where=f"{bundle.path}: {member}"
    )
    outputs = [output.name for output in session.get_outputs()]
    manifest = bundle.manifest
    lows, highs = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    for done, frames in enumerate(sequences):
        on_progress(done / len(sequences))
        state = {state.name: bundle.initial_state(state.name)[None] for state in manifest.states}
        for number, frame in enumerate(frames):
            feeds = {
                "frame": frame[None],
                "weight": np.ones((1, manifest.map_height, manifest.map_width), np.float32),
                "active": np.ones(1, np.bool_),
                "reset": np.array([number == 0]),
                **state,
            }
            found = dict(zip(outputs, session.run(outputs, feeds), strict=True))
            state = {name: found[name + NEXT] for name in state}
            for name in names:
                lows[name] = min(lows[name], float(found[name].min()))
                highs[name] = max(highs[name], float(found[name].max()))
    on_progress(1.0)
    return {name: widened(lows[name], highs[name]) for name in names}


def check_life(sequences: Sequence[NDArray[np.uint8]]) -> None:
    """Raise DataError for footage that shows nothing: frozen, or black throughout."""
    living = sum(_changes(frames) for frames in sequences)
    enough = f"give clips of the scene's normal life in which at least {LIVING_FRAMES} frames differ"
    if living < LIVING_FRAMES:
        what = "every frame is the same" if not living else f"only {living} frames differ from the one before"
        raise DataError(f"{what}: scales cannot be taken from it", fix=enough)
    brightest = max(float(np.percentile(frames[:, ::8, ::8], 99)) for frames in sequences)
    if brightest < BLACK_LEVEL:
        raise DataError(
            f"every frame is black, 99 % of it below {BLACK_LEVEL:.0f}: no scales are in it",
            fix=f"{enough}, with light on it or by infra-red",
        )


def _changes(frames: NDArray[np.uint8]) -> int:
    return sum(not np.array_equal(one, next_) for one, next_ in pairwise(frames))
