"""`vad-edge train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vad_edge.cli.options import training_precision_option
from vad_edge.cli.types import DATA_FOLDER, FRAME_SIZE, OUTPUT_FOLDER, SETTING


@click.command(name="train")
@click.option("--data", required=True, type=DATA_FOLDER, help="Folder with training/ clips.")
@click.option("--output", required=True, type=OUTPUT_FOLDER, help="Folder for checkpoints and logs.")
@click.option("--model", default="student", show_default=True, help="A name of `vad-edge models list`.")
@click.option("--size", type=FRAME_SIZE, help="Model input, height x width.")
@click.option("--fps", type=click.FloatRange(1, 60), help="The model's frame rate.")
@click.option(
    "--set", "settings", type=SETTING, multiple=True, metavar="NAME=VALUE", help="A setting of the model."
)
@click.option("--epochs", type=click.IntRange(min=1), help="How often all of the footage is seen.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Examples at a time; fewer take less memory.")
@click.option("--accumulate", type=click.IntRange(min=1), help="Batches that make one optimiser step.")
@click.option("--stride", type=click.IntRange(min=1), help="Frames from one training example to the next.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Of the optimiser.")
@click.option("--seed", type=int, help="Of all random choices.")
@click.option(
    "--fold", metavar="I/K", help="Labelled anomalies a model that wants them may see, such as 1/5."
)
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True, help="GPUs a machine.")
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True, help="Machines.")
@click.option("--strategy", default="auto", show_default=True, help="Lightning's strategy for several GPUs.")
@training_precision_option
@click.option(
    "--max-minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="End after a whole epoch, to go on later.",
)
@click.option("--resume", is_flag=True, help="Go on from last.ckpt in OUTPUT.")
def command(
    data: Path,
    output: Path,
    model: str,
    size: tuple[int, int] | None,
    fps: float | None,
    settings: tuple[tuple[str, Any], ...],
    fold: str | None,
    devices: int,
    nodes: int,
    strategy: str,
    precision: str,
    max_minutes: float | None,
    resume: bool,
    **fit_options: Any,
) -> None:
    """Train a model on footage of normal life.

    The student is for boards; the published systems are its teachers. What is not given is the model's own.
    Uses a CUDA GPU where there is one. A fifth of the frames is held out: it picks the checkpoint, and
    `vad-edge export` calibrates on it. Ctrl-C and SIGTERM end it, to be gone on with by --resume.

    \b
    vad-edge train --data data --output out/train
    vad-edge train --data data --output out/train --epochs 20 --resume
    vad-edge train --data ped2 --output out/mnad --model mnad
    """
    import importlib
    import os
    import sys
    from dataclasses import replace

    from vad_edge.cli.app import INTERRUPTED
    from vad_edge.cli.logs import set_level

    fitting = importlib.import_module("vad_edge_training.fit.fit")
    folds = importlib.import_module("vad_edge_training.datasets.folds")
    hardware = importlib.import_module("vad_edge_training.fit.hardware")
    registry = importlib.import_module("vad_edge_training.models.registry")
    on_terminal = sys.stderr.isatty()
    if on_terminal:
        set_level("warning")

    def show(what: str, done: int, total: int) -> None:
        if what == "decoding" and (on_terminal or done == total):
            click.echo(f"\rdecoding clips: {done} of {total}", nl=done == total, err=True)

    config = dict(settings)
    if size is not None:
        config["height"], config["width"] = size
    if fps is not None:
        config["fps"] = fps
    given = {name: value for name, value in fit_options.items() if value is not None}
    try:
        trained = fitting.train_model(
            data,
            output,
            model,
            config,
            replace(registry.model_type(model).defaults, **given),
            fold=folds.Fold.parse(fold) if fold else None,
            hardware=hardware.Hardware(devices, nodes, strategy, precision),
            resume=resume,
            max_minutes=max_minutes,
            progress_bar=on_terminal,
            on_progress=show,
        )
    except KeyboardInterrupt:
        click.echo("interrupted; the same command with --resume goes on after the last whole epoch", err=True)
        # Lightning kills the first process where another one fails before it.
        sys.exit(0 if os.environ.get("LOCAL_RANK", "0") != "0" else INTERRUPTED)
    if not trained.finished:
        click.echo(f"{trained.epochs} epochs done; the same command with --resume goes on", err=True)
    if trained.best.exists():
        click.echo(trained.best)
