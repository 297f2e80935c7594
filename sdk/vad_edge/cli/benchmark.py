"""`vad-edge benchmark`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vad_edge.cli.types import ENGINE, OUTPUT_FILE, PRECISION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vad_edge.bundle.manifest import Precision
    from vad_edge.inference.benchmark import BenchmarkRow


@click.command(name="benchmark")
@click.option("--bundle", required=True, type=click.Path(path_type=Path), help="The model, NAME.vadb.")
@click.option(
    "--precision",
    "precisions",
    type=PRECISION,
    multiple=True,
    help="Once for each; all that the bundle has and this machine can run by default.",
)
@click.option(
    "--cameras",
    type=click.IntRange(min=1, max=64),
    multiple=True,
    default=(1, 4),
    show_default=True,
    help="How many share one call; once for each.",
)
@click.option("--engine", type=ENGINE, default="auto", show_default=True, help="Inference backend.")
@click.option("--threads", type=click.IntRange(min=1), help="Cores the engine may use; all by default.")
@click.option("--steps", type=click.IntRange(min=10), default=200, show_default=True, help="Steps to time.")
@click.option("--plot", type=OUTPUT_FILE, help="Also draw it: a PNG, SVG or PDF.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    bundle: Path,
    precisions: tuple[Precision, ...],
    cameras: tuple[int, ...],
    engine: str,
    threads: int | None,
    steps: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Time a bundle's engines here, alone and with several cameras in one call.

    Each is measured in a process of its own on frames of noise, without cameras, decoding and sensors. Power
    and energy are told where the machine tells them: a Jetson's power monitors, a PC's counters of its CPU.

    \b
    vad-edge benchmark --bundle my.vadb
    vad-edge benchmark --bundle my.vadb --precision fp32 --precision int8 --cameras 1 --cameras 4 --json
    """
    from vad_edge.bundle.archive import read_bundle
    from vad_edge.cli.output import progress_bars
    from vad_edge.inference.benchmark import Case, benchmark
    from vad_edge.inference.select import runnable_precisions

    # Where none can run, the case of the fastest says why.
    here = precisions or runnable_precisions(read_bundle(bundle), engine)
    chosen: Sequence[Precision | None] = here or [None]
    cases = [Case(engine, precision, count, threads) for precision in chosen for count in cameras]
    with progress_bars() as report:
        rows = benchmark(
            bundle, cases, steps=steps, on_progress=lambda done: report("measuring", done, len(cases))
        )
    if plot is not None:
        from vad_edge.report.benchmark_plot import plot_benchmark

        plot_benchmark(rows, plot)
    if as_json:
        click.echo(json.dumps({"rows": [asdict(row) for row in rows]}))
    else:
        _show(rows)


def _show(rows: Sequence[BenchmarkRow]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    figures = ["cameras", "frames /s", "p50 ms", "p90 ms", "p99 ms", "CPU ms", "MB", "cold s", "warm s"]
    source = next((row.power_source for row in rows if row.power_source), None)
    if source is not None:
        figures += ["W", "mJ /frame"]
    table = Table(Column("engine", no_wrap=True), box=None, padding=(0, 1, 0, 0))
    for figure in figures:
        # A narrow terminal breaks a figure rather than to hide the end of it.
        table.add_column(figure.replace(" ", "\n"), justify="right", overflow="fold")
    for row in rows:
        values = (row.fps, row.p50_ms, row.p90_ms, row.p99_ms, row.cpu_ms)
        cells = [f"{value:.1f}" for value in values]
        cells += [f"{row.rss_mb:.0f}", f"{row.cold_start_s:.2f}", f"{row.warm_start_s:.2f}"]
        if source is not None:
            drawn = (row.power_w, row.energy_mj_per_frame)
            cells += ["-" if value is None else f"{value:.1f}" for value in drawn]
        table.add_row(row.engine, str(row.cameras), *cells)
    console = Console()
    console.print(table)
    if source is not None:
        console.print(f"Power and energy are those of {source}, at full speed.", highlight=False)
