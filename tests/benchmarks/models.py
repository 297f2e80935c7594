"""Times a step of every model at its own size, all in the same rounds: `make bench-models`."""

from __future__ import annotations

import resource
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console
from rich.table import Table
from tests.benchmarks.steppers import graph_stepper, torch_stepper

from vad_edge_training.models.cost import cost_of
from vad_edge_training.models.registry import MODELS, build

ROUNDS = 7
YARDSTICK = "mnad"


def main() -> None:
    steps = {name: torch_stepper(name) for name in MODELS}
    with TemporaryDirectory() as folder:
        graphs = {
            name: graph_stepper(name, {}, Path(folder) / f"{name}.vadb") for name in ("student", YARDSTICK)
        }
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
    in_ort = sorted(graphs["student"]() / graphs[YARDSTICK]() for _ in range(ROUNDS))
    console.print(
        f"ONNX Runtime, fp32: the student takes {in_ort[ROUNDS // 2]:.3f} of {YARDSTICK}'s time, median"
    )


if __name__ == "__main__":
    main()
