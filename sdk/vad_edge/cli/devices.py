"""`vad-edge devices`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from vad_edge.cli.types import OUTPUT_FOLDER


@click.group(name="devices")
def command() -> None:
    """The boards this can run on: what they are, and which one is here."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def show_all(as_json: bool) -> None:
    """List the boards and what each can run.

    \b
    vad-edge devices list
    vad-edge devices list --json
    """
    catalogue = importlib.import_module("vad_edge_devices.catalogue")
    registry = importlib.import_module("vad_edge_devices.registry").registry()
    rows = [catalogue.row(registry, board) for board in registry.boards]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for line in catalogue.table(registry):
        click.echo(line)
    click.echo("? not certain: `vad-edge devices show BOARD` says why")


@command.command(name="show")
@click.argument("board")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def show(board: str, as_json: bool) -> None:
    """Show everything known of one board, where each fact is from, and what is not certain.

    \b
    vad-edge devices show orin-nano-devkit
    """
    catalogue = importlib.import_module("vad_edge_devices.catalogue")
    registry = importlib.import_module("vad_edge_devices.registry").registry()
    facts: dict[str, Any] = catalogue.describe(registry, registry.board(board))
    if as_json:
        click.echo(json.dumps(facts))
        return
    for line in catalogue.lines(facts):
        click.echo(line)


@command.command(name="wheelhouse")
@click.option("--jetpack", help="The board's JetPack, such as 6.2; `devices list` has them.")
@click.option("--python", help="For a machine that is no Jetson: its Python, such as 3.12.")
@click.option("--machine", type=click.Choice(["x86_64", "aarch64"]), help="And what it is.")
@click.option("--output", required=True, type=OUTPUT_FOLDER, help="The folder.")
@click.option(
    "--wheel",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A vad-edge wheel; this version's from the package index by default.",
)
@click.option("--calibrate", is_flag=True, help="Also what a board needs to calibrate its own cameras.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def wheelhouse(
    jetpack: str | None,
    python: str | None,
    machine: str | None,
    output: Path,
    wheel: Path | None,
    calibrate: bool,
    as_json: bool,
) -> None:
    """Fetch the packages a board installs without a network, for its Python and processor.

    \b
    vad-edge devices wheelhouse --jetpack 6.2 --output wheels
    vad-edge devices wheelhouse --python 3.12 --machine x86_64 --output wheels
    vad-edge devices wheelhouse --jetpack 7.2 --output wheels --wheel dist/vad_edge-0.1.0-py3-none-any.whl
    """
    from vad_edge.errors import ConfigError
    from vad_edge.version import __version__

    fetching = importlib.import_module("vad_edge_devices.wheelhouse")
    registry = importlib.import_module("vad_edge_devices.registry").registry()
    if (jetpack is None) == (python is None) or (python is None) != (machine is None):
        raise ConfigError("which machine is meant?", fix="give --jetpack, or --python and --machine")
    target = fetching.target_of(registry.line(jetpack)) if jetpack else fetching.other(python, machine)
    extras = frozenset({"calibrate"}) if calibrate else frozenset()
    names = fetching.download(target, output, wheel or f"vad-edge=={__version__}", extras)
    if as_json:
        click.echo(json.dumps({"folder": str(output), "python": target.python, "wheels": names}))
    else:
        size = sum((output / name).stat().st_size for name in names)
        click.echo(
            f"{output}: {len(names)} wheels, {size / 1e6:.0f} MB,"
            f" for Python {target.python} on {target.machine}"
        )


@command.command(name="detect")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def detect(as_json: bool) -> None:
    """Look for a board in recovery mode on USB, and say which board this is; exit code 1 if there is none.

    \b
    vad-edge devices detect
    """
    detecting = importlib.import_module("vad_edge_devices.detect")
    registry = importlib.import_module("vad_edge_devices.registry").registry()
    on_usb, here = detecting.usb_boards(registry), detecting.this_board(registry)
    if as_json:
        usb = [board.to_dict() for board in on_usb]
        click.echo(json.dumps({"usb": usb, "this": here.to_dict() if here else None}))
    else:
        catalogue = importlib.import_module("vad_edge_devices.catalogue")
        for line in catalogue.findings(on_usb, here):
            click.echo(line)
    if not on_usb and here is None:
        sys.exit(1)
