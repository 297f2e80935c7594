"""The top of the command line: commands are found by name when asked for, errors become exit codes."""

from __future__ import annotations

import importlib
from typing import Any

import click

from vad_edge import __version__
from vad_edge.cli.logs import start_logging
from vad_edge.cli.mishaps import mishap, noted_interrupt

COMMANDS = {
    "run": "run",
    "demo": "demo",
    "record": "record",
    "models": "models",
    "train": "train",
    "mask": "mask",
    "distill": "distill",
    "calibrate": "calibrate",
    "evaluate": "evaluate",
    "simulate": "simulate",
    "export": "export",
    "quantize": "quantize",
    "compile": "compile",
    "parity": "parity",
    "benchmark": "benchmark",
    "events": "events",
    "sensors": "sensors",
    "mqtt": "mqtt",
    "alarm": "alarm",
    "bridge": "bridge",
    "bundle": "bundle",
    "devices": "devices",
    "flash": "flash",
    "provision": "provision",
    "update": "update",
    "scene": "scene",
    "doctor": "doctor",
    "completion": "completion",
}
"""Command to module of this package; each holds a click command called `command`."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called, so that `--help` and small commands start at once."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands in the order a user meets them."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"vad_edge.cli.{COMMANDS[name]}")
        command: click.Command = module.command
        return command

    def invoke(self, context: click.Context) -> Any:
        """Run the command; what goes wrong becomes one line and an exit code, with --debug a traceback."""
        with noted_interrupt() as pressed:
            try:
                return super().invoke(context)
            except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
                raise
            except (Exception, KeyboardInterrupt) as error:
                if context.params.get("debug"):
                    raise
                said = mishap(error, interrupted=pressed.is_set())
        click.echo(said.line, err=True)
        raise click.exceptions.Exit(said.exit_code)


@click.command(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="vad-edge")
@click.option("--debug", is_flag=True, help="Show a traceback when something fails.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much is logged, to standard error.",
)
def main(debug: bool, log_level: str) -> None:
    """Video anomaly detection on the edge.

    \b
    Try it:            vad-edge demo
    Your own camera:   vad-edge record --camera 0 --output data --duration 1h
                       vad-edge train --data data --output out/train
                       vad-edge export --checkpoint out/train/best.ckpt --data data --output my.vadb
                       vad-edge run --camera 0 --bundle my.vadb

    Exit codes: 0 done, 1 something outside failed, 2 something given was wrong, 130 interrupted.
    """
    start_logging(log_level)
