"""Times a step of the predictor at several lengths of its window of past frames: `make bench-windows`."""

from __future__ import annotations

import statistics
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from tests.benchmarks.steppers import graph_stepper

WINDOWS = (2, 4, 8)
ROUNDS = 100


def main() -> None:
    with TemporaryDirectory() as folder:
        steps = {
            window: graph_stepper("predictor", {"history": window}, Path(folder) / f"{window}.vadb")
            for window in WINDOWS
        }
    rounds = [{window: step() for window, step in steps.items()} for _ in range(ROUNDS)]
    table = Table("window, frames", "median, ms", "fastest, ms", f"of {WINDOWS[0]} frames", box=None)
    for window in WINDOWS:
        took = [timed[window] for timed in rounds]
        ratio = statistics.median(timed[window] / timed[WINDOWS[0]] for timed in rounds)
        table.add_row(str(window), f"{statistics.median(took):.1f}", f"{min(took):.1f}", f"{ratio:.2f}")
    console = Console()
    console.print(table)
    console.print(f"{date.today()}: fp32, ONNX Runtime, {ROUNDS} rounds, weights of chance")


if __name__ == "__main__":
    main()
