"""`vad-edge train`."""

from __future__ import annotations

from pathlib import Path

import click

from vad_edge.cli.types import FRAME_SIZE


@click.command(name="train")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder with training/ clips.")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="Folder for checkpoints and logs."
)
@click.option("--epochs", type=click.IntRange(min=1), default=8, show_default=True)
@click.option(
    "--size", type=FRAME_SIZE, default="240x360", show_default=True, help="Model input, height x width."
)
@click.option(
    "--fps", type=click.FloatRange(1, 60), default=10.0, show_default=True, help="The model's frame rate."
)
@click.option(
    "--channels", type=click.IntRange(8, 128), default=32, show_default=True, help="Width of the model."
)
@click.option("--batch-size", type=click.IntRange(min=1), default=8, show_default=True)
@click.option("--learning-rate", type=click.FloatRange(min=1e-6), default=1e-3, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on from last.ckpt in OUTPUT.")
def command(
    data: Path,
    output: Path,
    epochs: int,
    size: tuple[int, int],
    fps: float,
    channels: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    resume: bool,
) -> None:
    """Train a student on footage of normal life.

    Uses a CUDA GPU where there is one. A fifth of the clips is held out: it picks the checkpoint, and
    `vad-edge export` calibrates on it.

    \b
    vad-edge train --data data --output out/train
    vad-edge train --data data --output out/train --epochs 20 --resume
    """
    import importlib
    import sys

    from vad_edge.cli.logs import set_level

    fit = importlib.import_module("vad_edge_training.fit")
    student = importlib.import_module("vad_edge_training.models.student")
    on_terminal = sys.stderr.isatty()
    if on_terminal:
        set_level("warning")

    def show(what: str, done: int, total: int) -> None:
        if what == "decoding" and (on_terminal or done == total):
            click.echo(f"\rdecoding clips: {done} of {total}", nl=done == total, err=True)

    try:
        best = fit.train_student(
            data,
            output,
            student.StudentConfig(height=size[0], width=size[1], fps=fps, channels=channels),
            fit.FitConfig(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed),
            resume=resume,
            progress_bar=on_terminal,
            on_progress=show,
        )
    except KeyboardInterrupt:
        click.echo("interrupted; the same command with --resume goes on after the last whole epoch", err=True)
        sys.exit(130)
    click.echo(best)
