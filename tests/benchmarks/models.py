"""Times a step of every model at its own size, all in the same rounds: `make bench-models`."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from datetime import date

import torch
from rich.console import Console
from rich.table import Table

from vad_edge_training.models.cost import cost_of
from vad_edge_training.models.registry import MODELS, build

ROUNDS = 7
YARDSTICK = "mnad"


@torch.no_grad()
def stepper(name: str) -> Callable[[], float]:
    """A function that scores one frame and gives the milliseconds it took."""
    model = build(name, {}).eval().step_module().eval()
    spec = model.spec
    frame = torch.randint(0, 256, (1, spec.height, spec.width, 3), dtype=torch.uint8)
    weight = torch.ones(1, spec.map_height, spec.map_width)
    yes, no = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool)
    state = model.initial_state(1)

    @torch.no_grad()
    def step() -> float:
        started = time.perf_counter()
        model(frame, weight, yes, no, *state)
        return 1000.0 * (time.perf_counter() - started)

    return step


def main() -> None:
    steps = {name: stepper(name) for name in MODELS}
    for step in steps.values():
        step()
    rounds = [{name: step() for name, step in steps.items()} for _ in range(ROUNDS)]
    table = Table("model", "size", "parameters", "GMACs", "ms a frame, fastest", f"of {YARDSTICK}, median")
    for name in MODELS:
        cost, config = cost_of(build(name, {})), MODELS[name].config_type()
        ratios = sorted(timed[name] / timed[YARDSTICK] for timed in rounds)
        table.add_row(
            name,
            f"{config.height}x{config.width}",
            f"{cost.parameters / 1e6:.2f} M",
            f"{cost.gmacs:.2f}",
            f"{min(timed[name] for timed in rounds):.0f}",
            f"{ratios[ROUNDS // 2]:.2f}",
        )
    console = Console()
    console.print(table)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(
        f"{date.today()}: torch {torch.__version__}, {torch.get_num_threads()} threads, fp32, batch 1,"
        f" weights of chance, {ROUNDS} rounds, one model after another; together they took {peak_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
