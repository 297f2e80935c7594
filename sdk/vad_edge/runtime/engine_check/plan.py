"""Which steps a check has, from the engines there are; a step that cannot be done here says so itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vad_edge.bundle.manifest import Precision
from vad_edge.runtime.engine_check.steps import Step

TENSORRT: Final = "tensorrt"
PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "fp16", "int8")
FAST: Final[tuple[Precision, ...]] = ("fp16", "int8")
MANY: Final = 4
"""Cameras in one call, beside the one alone."""
AHEAD_TARGET: Final = "rtx-sm86"


def plan_steps(engines: Sequence[str], reference: str) -> list[Step]:
    """Every step, for engines by the names `open_engine` knows; each comes after all that it needs.

    reference is the engine that the others are compared with, in fp32.
    """
    steps = [Step("machine"), module := Step("import TensorRT"), gpu := Step("find the GPU")]
    right = Step("load and one step", reference, "fp32")
    steps.append(right)
    for engine in dict.fromkeys((reference, *engines)):
        cases = [(1, precision) for precision in PRECISIONS]
        if engine != reference:  # it takes long, and several cameras are what the others are for
            cases += [(MANY, precision) for precision in FAST]
        for cameras, precision in cases:
            needs: tuple[Step, ...] = ()
            if engine == TENSORRT:
                compiled = Step("compile", engine, precision, cameras, needs=(module, gpu))
                steps.append(compiled)
                needs = (compiled,)
            loaded = Step("load and one step", engine, precision, cameras, needs)
            steps += _one_engine(loaded, right)
    cores = Step("DLA cores", needs=(module, gpu))
    steps += [cores, Step("compile for the DLA", TENSORRT, "fp16", needs=(cores,))]
    steps += [Step(f"compile ahead for {AHEAD_TARGET}", TENSORRT, precision) for precision in PRECISIONS]
    return list(dict.fromkeys(steps))


def _one_engine(loaded: Step, right: Step) -> list[Step]:
    """What is tried with an engine that is loaded."""
    engine, precision, cameras = loaded.engine, loaded.precision, loaded.cameras
    tries = [loaded]
    if loaded != right:
        tries.append(Step("100 steps beside fp32", engine, precision, cameras, needs=(loaded, right)))
    tries += [
        Step("snapshot and restore", engine, precision, cameras, needs=(loaded,)),
        Step("time", engine, precision, cameras, needs=(loaded,)),
        Step("start", engine, precision, cameras, needs=(loaded,)),
    ]
    return tries
