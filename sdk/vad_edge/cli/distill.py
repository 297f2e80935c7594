"""`vad-edge distill`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from vad_edge.cli.types import DATA_FOLDER, EXISTING_FILE, OUTPUT_FOLDER


@click.command(name="distill")
@click.option(
    "--student",
    required=True,
    type=EXISTING_FILE,
    help="best.ckpt of a student trained on DATA.",
)
@click.option(
    "--teacher",
    "teachers",
    required=True,
    multiple=True,
    metavar="CKPT|NAME",
    help="A model's checkpoint, foreground_speed or background_distance; several are averaged.",
)
@click.option(
    "--match",
    multiple=True,
    type=click.Choice(("maps", "features", "prototypes")),
    help="What of theirs is learned; all that they have by default. Maps always are.",
)
@click.option("--data", required=True, type=DATA_FOLDER, help="The student's footage.")
@click.option("--output", required=True, type=OUTPUT_FOLDER, help="Folder for checkpoints and logs.")
@click.option("--channels", type=click.IntRange(min=1), help="Channels of the network's layers.")
@click.option("--epochs", type=click.IntRange(min=1), help="How often all of the footage is seen.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Of the optimiser.")
@click.option("--seed", type=int, help="Of all random choices.")
def command(
    student: Path,
    teachers: tuple[str, ...],
    match: tuple[str, ...],
    data: Path,
    output: Path,
    channels: int | None,
    **options: Any,
) -> None:
    """Teach a student one more cue: what other systems say of every place.

    The teachers run here, once over pieces of the footage with and without synthetic anomalies; the board
    runs a small network that learned their maps, and beside them, while it was taught, what it could of
    their features and prototypes. Whether the new cue counts is chosen by `vad-edge export`, as for the
    others.

    \b
    vad-edge train   --data data --output out/train
    vad-edge train   --data data --output out/mnad --model mnad
    vad-edge distill --student out/train/best.ckpt --teacher out/mnad/best.ckpt --teacher foreground_speed \\
                     --data data --output out/distilled
    vad-edge export  --checkpoint out/distilled/best.ckpt --data data --output distilled.vadb
    """
    import importlib

    from vad_edge.cli.output import progress_bars

    distilling = importlib.import_module("vad_edge_training.distill.distill")
    registry = importlib.import_module("vad_edge_training.models.registry")
    given = {name: value for name, value in options.items() if value is not None}
    try:
        with progress_bars() as report:
            best = distilling.distill(
                student,
                teachers,
                data,
                output,
                match=match,
                fit=registry.fit_of("distilled", given),
                channels=channels,
                on_progress=report,
            )
    except KeyboardInterrupt:
        click.echo("interrupted; the same command begins again", err=True)
        sys.exit(130)
    click.echo(best)
