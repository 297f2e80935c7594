"""A benchmark as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vad_edge.inference.benchmark import BenchmarkRow


def plot_benchmark(rows: Sequence[BenchmarkRow], path: Path) -> None:
    """Draw milliseconds a step over cameras, a line for each engine; the band reaches from p50 to p99."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="cameras in one call", ylabel="milliseconds a step")
    for engine in dict.fromkeys(row.engine for row in rows):
        mine = sorted((row for row in rows if row.engine == engine), key=lambda row: row.cameras)
        cameras = [row.cameras for row in mine]
        (line,) = axes.plot(cameras, [row.p50_ms for row in mine], marker="o", label=engine)
        axes.fill_between(
            cameras,
            [row.p50_ms for row in mine],
            [row.p99_ms for row in mine],
            color=line.get_color(),
            alpha=0.2,
        )
    axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({row.cameras for row in rows}))
    axes.legend(title="p50 to p99")
    figure.savefig(path, dpi=120)
