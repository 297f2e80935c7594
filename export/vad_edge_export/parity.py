"""Whether a bundle's graph does what the torch model does, on real frames and over time."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import EngineError
from vad_edge.inference.engine import Engine, StepInputs
from vad_edge_training.fit.torch_engine import TorchEngine
from vad_edge_training.models.step import StepModel


@dataclass(frozen=True, slots=True)
class Parity:
    """The largest differences between torch and an engine.

    A relative difference is over the score itself, but never over less than the cue's median score: what is
    tiny beside that cue's ordinary scores does not count as large because the score was nearly zero.
    """

    max_abs_score: float
    max_rel_score: float
    max_abs_error_map: float
    steps: int

    def to_dict(self) -> dict[str, float]:
        """The same as plain numbers, for the manifest."""
        return {name: float(value) for name, value in asdict(self).items()}


def check_parity(
    model: StepModel,
    engine: Engine,
    frames: NDArray[np.uint8],
    *,
    steps: int = 200,
    max_rel: float = 1e-3,
    seed: int = 0,
) -> Parity:
    """Run both side by side with their own rolling states, some cameras reset or inactive now and then.

    frames: uint8 (N, H, W, 3) at the model's size; each camera of the engine's batch walks through them from
    another place. The engine must be new, so that its initial state is compared too. Raises EngineError
    where a relative difference of scores exceeds max_rel.
    """
    random = np.random.default_rng(seed)
    batch = len(engine.inputs.active)
    offsets = np.arange(batch) * len(frames) // batch
    reference = TorchEngine(model, engine.graph, batch)
    scores, engine_scores = [], []
    worst_map = 0.0
    for step in range(steps):
        _fill(engine.inputs, frames[(offsets + step) % len(frames)], random)
        _copy(engine.inputs, reference.inputs)
        expected, found = reference.step(), engine.step()
        active = engine.inputs.active
        scores.append(expected.score[active].copy())
        engine_scores.append(found.score[active].copy())
        difference = np.abs(expected.error_map[active] - found.error_map[active])
        worst_map = np.maximum(worst_map, difference.max(initial=0.0))
    parity = _compare(np.concatenate(scores), np.concatenate(engine_scores), float(worst_map), steps)
    if not parity.max_rel_score <= max_rel:
        raise EngineError(
            f"{engine.name} scores differ from torch's by {parity.max_rel_score:.2g} of their size, "
            f"more than {max_rel:g}",
            fix="the exported graph is not the trained model; do not use it",
        )
    return parity


def _fill(inputs: StepInputs, frames: NDArray[np.uint8], random: np.random.Generator) -> None:
    batch = len(inputs.active)
    inputs.frame[:] = frames
    inputs.weight[:] = random.uniform(0.5, 1.5, inputs.weight.shape)
    inputs.active[:] = random.random(batch) < 0.9
    inputs.reset[:] = random.random(batch) < 0.02


def _copy(inputs: StepInputs, to: StepInputs) -> None:
    to.frame[:] = inputs.frame
    to.weight[:] = inputs.weight
    to.active[:] = inputs.active
    to.reset[:] = inputs.reset


def _compare(
    expected: NDArray[np.float32], found: NDArray[np.float32], worst_map: float, steps: int
) -> Parity:
    difference = np.abs(expected - found)
    size = np.abs(expected)
    floor = np.maximum(np.median(size, axis=0), np.finfo(np.float32).tiny)
    return Parity(
        max_abs_score=float(difference.max()),
        max_rel_score=float((difference / np.maximum(size, floor)).max()),
        max_abs_error_map=worst_map,
        steps=steps,
    )
