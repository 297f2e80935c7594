"""How far the activations of a network reach on real sequences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.errors import DataError
from vad_edge.inference.onnxruntime_session import open_session
from vad_edge.inference.tensors import NEXT
from vad_edge_export.int8 import Ranges, activations, widened, with_outputs


def activation_ranges(
    bundle: Bundle,
    layers: Collection[str],
    sequences: Sequence[NDArray[np.uint8]],
    on_progress: Callable[[float], None] = lambda share: None,
) -> Ranges:
    """Smallest and largest value of each activation of `layers` in the fp32 graph, with headroom.

    sequences: uint8 (T, H, W, 3) each, of normal footage; the state is rolled forward along each, as on a
    camera. Raises DataError where every frame is the same.
    """
    if _is_still(sequences):
        raise DataError(
            "every frame is the same: scales cannot be taken from it",
            fix="give footage of the scene's normal life, not a still",
        )
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


def _is_still(sequences: Sequence[NDArray[np.uint8]]) -> bool:
    first = sequences[0][0]
    return all(bool((frame == first).all()) for frames in sequences for frame in frames)
