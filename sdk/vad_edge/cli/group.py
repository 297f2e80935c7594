"""The top of the command line: commands are found by name when asked for, errors become exit codes."""

from __future__ import annotations

import importlib
from typing import Any

import click

from vad_edge import __version__
from vad_edge.cli.logs import start_logging
from vad_edge.errors import MissingExtraError, VadEdgeError

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

EXTRAS = {
    "torch": "train",
    "lightning": "train",
    "minisom": "train",
    "sklearn": "train",
    "onnx": "export",
    "onnxscript": "export",
    "bacpypes3": "bacnet",
    "google": "sparkplug",
    "scipy": "calibrate",
}
"""Which extra brings a package that a command did not find."""


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
        """Run the command; a `VadEdgeError` becomes one line and its exit code."""
        try:
            return super().invoke(context)
        except VadEdgeError as error:
            if context.params.get("debug"):
                raise
            click.echo(f"vad-edge: error: {error}", err=True)
            context.exit(error.exit_code)
        except ModuleNotFoundError as error:
            missing = missing_extra(error)
            if missing is None or context.params.get("debug"):
                raise
            click.echo(f"vad-edge: error: {missing}", err=True)
            context.exit(missing.exit_code)


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """What to install for a module that was not found; None if no extra brings it."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    return MissingExtraError(f"this command needs {error.name}", fix=f"pip install 'vad-edge[{extra}]'")


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
