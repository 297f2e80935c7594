"""`vad-edge parity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from vad_edge.cli.options import labelled_data_option
from vad_edge.cli.types import EXISTING_FILE, OUTPUT_FILE


@click.command(name="parity")
@click.option("--bundle", required=True, type=click.Path(path_type=Path), help="The model, NAME.vadb.")
@labelled_data_option
@click.option(
    "--checkpoint",
    type=EXISTING_FILE,
    help="What the bundle was exported from: torch itself is compared too.",
)
@click.option(
    "--output",
    type=OUTPUT_FILE,
    help="Write the bundle with the figures in its manifest, NAME.vadb.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(bundle: Path, data: Path, checkpoint: Path | None, output: Path | None, as_json: bool) -> None:
    """Compare every engine and precision of a bundle that can run here, on the same labelled frames.

    \b
    vad-edge parity --bundle my.vadb --data data
    vad-edge parity --bundle my.vadb --data data --checkpoint out/train/best.ckpt --output my-compared.vadb
    """
    import importlib

    from vad_edge.cli.output import progress_bars

    compare = importlib.import_module("vad_edge_export.compare")
    with progress_bars() as report:
        found = compare.compare_bundle(
            bundle, data, checkpoint=checkpoint, on_progress=lambda what, share: report(what, share, 1.0)
        )
    if output is not None:
        compare.keep_comparison(bundle, output, found.rows)
    rows = [row.to_dict() for row in found.rows]
    if as_json:
        click.echo(json.dumps({"rows": rows, "left_out": found.left_out}))
    else:
        _show(rows, found.left_out)


def _show(rows: list[dict[str, Any]], left_out: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    console = Console()
    names = ("AUC online", "correlation", "largest difference", "MB", "p50 ms")
    table = Table(
        Column("engine", no_wrap=True), *(Column(name, justify="right") for name in names), box=None
    )
    for row in rows:
        table.add_row(
            row["engine"],
            "-" if row["auc"] is None else f"{row['auc']:.4f}",
            f"{row['score_correlation']:.6f}",
            f"{row['max_abs_diff']:.4g}",
            f"{row['bytes'] / 1e6:.2f}",
            f"{row['p50_ms']:.1f}",
        )
    console.print(table)
    for name, reason in left_out.items():
        console.print(f"not here: {name}: {reason}", highlight=False)
