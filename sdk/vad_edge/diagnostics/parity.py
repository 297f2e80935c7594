"""Whether the engine that will run computes what the bundle's graph says, on frames of this very scene."""

from __future__ import annotations

import glob
import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.clock import LiveClock
from vad_edge.diagnostics.engines.compare import Trace, compare, near_enough
from vad_edge.diagnostics.engines.engine_checks import STRANGE, synthetic_frame
from vad_edge.diagnostics.finding import Finding, failure
from vad_edge.errors import SourceError, VadEdgeError
from vad_edge.inference.engine import Engine
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge.inference.select import open_engine
from vad_edge.video.frame import resize_into
from vad_edge.video.open import open_source

FRAMES: Final = 64
"""How many frames beyond the warm-up are compared."""
_CLIPS: Final = ("evidence/*/clip.*", "*/evidence/*/clip.*")
"""Where they lie in the folder of one site, and in that of all."""

Frames = NDArray[np.uint8]


def check_parity(bundle: Bundle, cameras: int, state: Path) -> Finding:
    """Run the engine a run would take beside ONNX Runtime on the CPU, which computes the same graph.

    What lowering the graph cost was judged when it was made; here it is the compiler, the driver and the GPU.
    Frames are those of the newest clips kept below `state`, as the site's privacy left them; made-up ones
    where there are too few. Fails where the two differ by more than the graph's precision explains.
    Never raises.
    """
    wanted = bundle.manifest.clock.warmup_frames + FRAMES
    frames, where = stored_frames(bundle, state, wanted), "stored"
    if len(frames) < wanted:
        frames, where = _made_up(bundle, max(wanted, STRANGE.stop)), "made-up"
    try:
        with closing(open_engine(bundle, batch=cameras)) as engine:
            if engine.name.startswith("onnxruntime-cpu"):
                return Finding("parity", "ok", f"{engine.name} is the reference itself")
            name, graph, found = engine.name, engine.graph, _trace(engine, frames)
        with closing(OnnxRuntimeEngine(bundle, graph, cameras)) as reference:
            right = _trace(reference, frames)
    except VadEdgeError as error:
        return failure("parity", error)
    comparison = compare(found, right, skip=bundle.manifest.clock.warmup_frames)
    verdict = near_enough(comparison, graph.precision)
    if not verdict.ok:
        text = f"{name} does not compute its graph on {len(frames)} {where} frames: {verdict.reason}"
        return Finding(
            "parity", "fail", text, "send what `vad-edge doctor --engine` writes; run with another engine"
        )
    off = f"off by {comparison.score_error:.2%}"
    text = f"{name} agrees with ONNX Runtime on {len(frames)} {where} frames, {off}"
    return Finding("parity", "ok", text)


def stored_frames(bundle: Bundle, state: Path, wanted: int) -> Frames:
    """Up to `wanted` frames of the clips kept as evidence, newest clip first.

    Returns (T, H, W, 3) at the model's size.
    """
    # glob and not Path.glob, which fails where a folder goes while it looks.
    clips = (state / name for clips in _CLIPS for name in glob.iglob(clips, root_dir=state))  # noqa: PTH207
    changed = ((_changed_s(clip), clip) for clip in clips)
    newest_first = sorted(((when, clip) for when, clip in changed if when is not None), reverse=True)
    images = itertools.chain.from_iterable(_images(clip) for _, clip in newest_first)
    size = (bundle.manifest.height, bundle.manifest.width, 3)
    found = []
    for image in itertools.islice(images, wanted):
        small = np.empty(size, np.uint8)
        resize_into(image, small)
        found.append(small)
    return np.stack(found) if found else np.empty((0, *size), np.uint8)


def _changed_s(clip: Path) -> float | None:
    """When it was written; None for one that retention has taken away meanwhile."""
    try:
        return clip.stat().st_mtime
    except OSError:
        return None


def _images(clip: Path) -> Iterator[Frames]:
    """The pictures of a clip; one that retention takes away meanwhile just ends."""
    try:
        with closing(open_source(str(clip), LiveClock())) as source:
            while (frame := source.read()) is not None:
                yield frame.image
    except SourceError:
        return


def _made_up(bundle: Bundle, count: int) -> Frames:
    height, width = bundle.manifest.height, bundle.manifest.width
    return np.stack([synthetic_frame(number, 0, height, width) for number in range(count)])


def _trace(engine: Engine, frames: Frames) -> Trace:
    """What every camera gives where all see the same."""
    inputs = engine.inputs
    inputs.active[:] = True
    scores = []
    for number, frame in enumerate(frames):
        inputs.frame[:] = frame
        inputs.reset[:] = number == 0
        outputs = engine.step()
        scores.append(outputs.score.copy())
    return Trace(np.stack(scores), outputs.error_map.copy(), engine.snapshot())
