"""Which steps a check has, from the engines there are; a step that cannot be done here says so itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from vad_edge.bundle.manifest import Precision

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One thing to try: the name of a check, what it is tried with, and the steps that must be ok before."""

    check: str
    engine: str = ""
    precision: str = ""
    cameras: int = 1
    needs: tuple[CheckStep, ...] = ()

    @property
    def title(self) -> str:
        """Its name for people: ``tensorrt fp16, 4 cameras: compile``."""
        which = f"{self.engine} {self.precision}".strip()
        if self.cameras > 1:
            which += f", {self.cameras} cameras"
        return f"{which}: {self.check}" if which else self.check


@dataclass(frozen=True, slots=True)
class Result:
    """How a step ended: what was found, or why not and what to do; seconds it took, and its figures."""

    step: CheckStep
    state: State
    text: str
    fix: str = ""
    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without what it needed."""
        values = asdict(self)
        step = values.pop("step")
        del step["needs"]
        return {**step, **values}


def run_steps(
    steps: Sequence[CheckStep],
    execute: Callable[[CheckStep], Result],
    *,
    on_begin: Callable[[CheckStep], None] = lambda step: None,
    on_end: Callable[[list[Result]], None] = lambda results: None,
) -> list[Result]:
    """Run every step whose needs are ok, and say of the others why not; needs come before who needs them.

    on_begin gets each step before it runs, on_end all results after each one.
    """
    results: dict[CheckStep, Result] = {}
    blocked: dict[CheckStep, str] = {}
    for step in steps:
        missing = next((results[need] for need in step.needs if results[need].state != "ok"), None)
        if missing is not None:
            how = "failed" if missing.state == "failed" else "was skipped"
            # The step that is to blame is worth more than the chain that led here.
            blocked[step] = blocked.get(missing.step, f"it needs '{missing.step.title}', which {how}")
            results[step] = Result(step, "skipped", blocked[step])
        else:
            on_begin(step)
            results[step] = execute(step)
        on_end(list(results.values()))
    return list(results.values())


TENSORRT: Final = "tensorrt"
PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "fp16", "int8")
FAST: Final[tuple[Precision, ...]] = ("fp16", "int8")
MANY: Final = 4
"""Cameras in one call, beside the one alone."""
AHEAD_TARGET: Final = "rtx-sm86"


def plan_steps(engines: Sequence[str], reference: str) -> list[CheckStep]:
    """Every step, for engines by the names `open_engine` knows; each comes after all that it needs.

    reference is the engine that the others are compared with, in fp32.
    """
    steps = [CheckStep("machine"), module := CheckStep("import TensorRT"), gpu := CheckStep("find the GPU")]
    right = CheckStep("load and one step", reference, "fp32")
    steps.append(right)
    for engine in dict.fromkeys((reference, *engines)):
        cases = [(1, precision) for precision in PRECISIONS]
        if engine != reference:  # it takes long, and several cameras are what the others are for
            cases += [(MANY, precision) for precision in FAST]
        for cameras, precision in cases:
            needs: tuple[CheckStep, ...] = ()
            if engine == TENSORRT:
                compiled = CheckStep("compile", engine, precision, cameras, needs=(module, gpu))
                steps.append(compiled)
                needs = (compiled,)
            loaded = CheckStep("load and one step", engine, precision, cameras, needs)
            steps += _one_engine(loaded, right)
    cores = CheckStep("DLA cores", needs=(module, gpu))
    steps += [cores, CheckStep("compile for the DLA", TENSORRT, "fp16", needs=(cores,))]
    steps += [CheckStep(f"compile ahead for {AHEAD_TARGET}", TENSORRT, precision) for precision in PRECISIONS]
    return list(dict.fromkeys(steps))


def _one_engine(loaded: CheckStep, right: CheckStep) -> list[CheckStep]:
    """What is tried with an engine that is loaded."""
    engine, precision, cameras = loaded.engine, loaded.precision, loaded.cameras
    tries = [loaded]
    if loaded != right:
        tries.append(CheckStep("100 steps beside fp32", engine, precision, cameras, needs=(loaded, right)))
    tries += [
        CheckStep("snapshot and restore", engine, precision, cameras, needs=(loaded,)),
        CheckStep("time", engine, precision, cameras, needs=(loaded,)),
        CheckStep("start", engine, precision, cameras, needs=(loaded,)),
    ]
    return tries
