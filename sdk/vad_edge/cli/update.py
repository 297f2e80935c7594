"""`vad-edge update`."""

from __future__ import annotations

import importlib
from pathlib import Path

import click


@click.command(name="update")
@click.option(
    "--bundle", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The new model."
)
@click.option(
    "--prefix",
    default="/opt/vad-edge",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where releases lie on this board.",
)
def command(bundle: Path, prefix: Path) -> None:
    """Give the service on this board another model, and go back if it does not score.

    \b
    sudo /opt/vad-edge/current/venv/bin/vad-edge update --bundle new.vadb

    The bundle is verified, compiled and tried with one step before anything changes; then it is swapped in
    whole. Where no valid score comes within a minute the model before runs again.
    """
    updating = importlib.import_module("vad_edge_devices.update")
    if updating.update(bundle, prefix, lambda line: click.echo(line, err=True)):
        click.echo(f"{bundle}: runs")
    else:
        click.echo(f"{bundle}: runs already")
