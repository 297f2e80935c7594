"""`vad-edge demo`."""

from __future__ import annotations

from pathlib import Path

import click

from vad_edge.cli.types import OUTPUT_FOLDER


@click.command(name="demo")
@click.option(
    "--output",
    type=OUTPUT_FOLDER,
    default=Path("out/demo"),
    show_default=True,
    help="Folder for events.jsonl, scores.csv, annotated.mp4 and timeline.png.",
)
def command(output: Path) -> None:
    """Run the whole job on a shipped synthetic clip.

    A small model, a minute of a rendered walkway, a recording of its sensors and an MQTT broker, all inside
    this process: nothing is read from the network, and nothing it shows was filmed.

    \b
    vad-edge demo
    vad-edge demo --output /tmp/demo
    """
    from vad_edge.cli.run_output import exit_after, stop_on_signals, terminal_observer
    from vad_edge.demo.play import run_demo
    from vad_edge.report.annotated import video_in

    with stop_on_signals() as stop:
        result = run_demo(output, [terminal_observer()], stop)
    click.echo("This clip is synthetic: rendered, with labels known exactly.")
    for line in result.findings:
        click.echo(f"  {line}")
    click.echo(f"Look at {video_in(output)} and {output / 'timeline.png'}.")
    exit_after(result.summary)
