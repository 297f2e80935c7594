"""Steps of a check, run in order: one that fails ends nothing but those that need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try: the name of a check, what it is tried with, and the steps that must be ok before."""

    check: str
    engine: str = ""
    precision: str = ""
    cameras: int = 1
    needs: tuple[Step, ...] = ()

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

    step: Step
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
    steps: Sequence[Step],
    execute: Callable[[Step], Result],
    *,
    on_begin: Callable[[Step], None] = lambda step: None,
    on_end: Callable[[list[Result]], None] = lambda results: None,
) -> list[Result]:
    """Run every step whose needs are ok, and say of the others why not; needs come before who needs them.

    on_begin gets each step before it runs, on_end all results after each one.
    """
    results: dict[Step, Result] = {}
    blocked: dict[Step, str] = {}
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
