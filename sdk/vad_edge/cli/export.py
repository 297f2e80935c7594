"""`vad-edge export`."""

from __future__ import annotations

from pathlib import Path

import click

from vad_edge.cli.types import DATA_FOLDER, EXISTING_FILE, OUTPUT_FILE


@click.command(name="export")
@click.option("--checkpoint", required=True, type=EXISTING_FILE, help="best.ckpt of a training.")
@click.option("--data", required=True, type=DATA_FOLDER, help="The folder it was trained on; calibrates.")
@click.option("--output", required=True, type=OUTPUT_FILE, help="The bundle, NAME.vadb.")
@click.option("--name", help="The model's name; the output's by default.")
@click.option("--license", "terms", default="", metavar="TEXT", help="What the weights may be used for.")
def command(checkpoint: Path, data: Path, output: Path, name: str | None, terms: str) -> None:
    """Make a bundle from a checkpoint: graph, check against torch, default calibration.

    \b
    vad-edge export --checkpoint out/train/best.ckpt --data data --output my.vadb
    """
    import importlib

    from vad_edge.cli.output import progress_bars

    package = importlib.import_module("vad_edge_export.package")
    with progress_bars() as report_progress:
        report = package.export_bundle(
            checkpoint,
            output,
            data=data,
            name=name,
            terms=terms,
            on_progress=lambda what, share: report_progress(what, share, 1.0),
        )
    click.echo(f"{report.path}: {report.size_bytes / 1e6:.2f} MB")
    for key, value in report.parity.to_dict().items():
        click.echo(f"  parity {key}: {value:.3g}")
    click.echo(f"  calibration: {report.calibration_s:.0f} s of normal footage")
    if report.chosen is not None:
        click.echo(f"  counting: {report.chosen}")
    for note in report.notes:
        click.echo(f"  note: {note}")
