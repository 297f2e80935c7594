"""`vad-edge scene`."""

from __future__ import annotations

from pathlib import Path

import click

from vad_edge.cli.types import DURATION, FRAME_SIZE, OUTPUT_FOLDER


@click.group(name="scene")
def command() -> None:
    """The procedural scene: synthetic footage with exact labels and sensors."""


@command.command(name="render")
@click.option("--output", required=True, type=OUTPUT_FOLDER, help="Data folder.")
@click.option("--training", type=click.IntRange(min=1), default=12, show_default=True, help="Normal clips.")
@click.option("--testing", type=click.IntRange(min=0), default=8, show_default=True, help="Labelled clips.")
@click.option("--length", type=DURATION, default="60s", show_default=True, help="Length of a clip.")
@click.option("--size", type=FRAME_SIZE, default="192x320", show_default=True, help="Height x width.")
@click.option("--fps", type=click.FloatRange(1, 60), default=10.0, show_default=True, help="Frames a second.")
@click.option(
    "--seed", type=int, default=7, show_default=True, help="The same seed renders the same footage."
)
def render(
    output: Path, training: int, testing: int, length: float, size: tuple[int, int], fps: float, seed: int
) -> None:
    """Render a dataset of a synthetic walkway: clips, labels, masks, sensor recordings and a site file.

    Clips that are already there are kept, so an interrupted rendering goes on.

    \b
    vad-edge scene render --output data/scene
    """
    import importlib

    from vad_edge.cli.output import progress_bars

    dataset = importlib.import_module("vad_edge_training.datasets.scene.dataset")
    with progress_bars() as report:
        dataset.render_dataset(
            output,
            training_clips=training,
            testing_clips=testing,
            clip_s=length,
            height=size[0],
            width=size[1],
            fps=fps,
            seed=seed,
            on_progress=lambda done, total: report("rendering", done, total),
        )
    click.echo(output)


@command.command(name="clip")
@click.option("--output", required=True, type=OUTPUT_FOLDER, help="Folder for the clip.")
@click.option(
    "--incident",
    "incidents",
    multiple=True,
    help="cyclist, vehicle, running, wrong_way, loitering, thrown_object or fall; may be given repeatedly.",
)
@click.option("--length", type=DURATION, default="60s", show_default=True, help="Length of the clip.")
@click.option("--size", type=FRAME_SIZE, default="192x320", show_default=True, help="Height x width.")
@click.option("--fps", type=click.FloatRange(1, 60), default=10.0, show_default=True, help="Frames a second.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed tells the same story.")
@click.option("--place", type=int, default=7, show_default=True, help="Seed of the dataset it belongs to.")
def clip(
    output: Path,
    incidents: tuple[str, ...],
    length: float,
    size: tuple[int, int],
    fps: float,
    seed: int,
    place: int,
) -> None:
    """Render one clip of the synthetic walkway with incidents of your choice, its labels and its sensors.

    \b
    vad-edge scene clip --output data/one --incident running --incident fall
    """
    import importlib

    dataset = importlib.import_module("vad_edge_training.datasets.scene.dataset")
    kinds = importlib.import_module("vad_edge_training.datasets.scene.story").KINDS
    for kind in incidents:
        if kind not in kinds:
            raise click.BadParameter(f"{kind!r} is none of {', '.join(kinds)}", param_hint="--incident")
    try:
        dataset.render_story(
            output,
            incidents,
            clip_s=length,
            height=size[0],
            width=size[1],
            fps=fps,
            seed=seed,
            ground_seed=place,
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--length") from error
    click.echo(output / "clip.mp4")
