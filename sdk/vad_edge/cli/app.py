"""The top of the command line: commands are found by name when asked for, errors become exit codes."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import click

from vad_edge.cli.logs import start_logging
from vad_edge.common.escape import plain
from vad_edge.common.secret import redacted
from vad_edge.errors import MissingExtraError, VadEdgeError
from vad_edge.version import __version__

INTERRUPTED = 130

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

_FIXES = {
    errno.ENOSPC: "make room, or choose another place",
    errno.EDQUOT: "make room, or choose another place",
    errno.EFBIG: "a limit on the size of files was reached; raise it (ulimit -f)",
    errno.EACCES: "check who may read and write there",
    errno.EPERM: "check who may read and write there",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "check the path",
    errno.EMFILE: "raise the number of files that may be open (ulimit -n)",
    errno.EIO: "check the disk and its connection",
}


@dataclass(frozen=True, slots=True)
class Mishap:
    """The line that is shown of an error, and what the command ends with."""

    line: str
    exit_code: int


def mishap(error: BaseException, *, interrupted: bool) -> Mishap:
    """What is said of `error`; `interrupted` where Ctrl-C was pressed before it came."""
    if interrupted or isinstance(error, KeyboardInterrupt):
        return Mishap("interrupted", INTERRUPTED)
    known = missing_extra(error) if isinstance(error, ModuleNotFoundError) else error
    if isinstance(known, VadEdgeError):
        return Mishap(f"vad-edge: error: {known}", known.exit_code)
    if isinstance(error, OSError):
        return Mishap(f"vad-edge: error: {_of_the_system(error)}", 1)
    said = str(error).partition("\n")[0]
    return Mishap(
        f"vad-edge: error: {type(error).__name__}: {said}; this is a mistake of vad-edge's own: please report"
        " what `vad-edge --debug COMMAND ...` shows",
        1,
    )


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """What to install for a module that was not found; None if no extra brings it."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    return MissingExtraError(f"this command needs {error.name}", fix=f"pip install 'vad-edge[{extra}]'")


def need(package: str) -> None:
    """Refuse a command now that would miss `package` only after its work. Raises MissingExtraError."""
    if importlib.util.find_spec(package) is None:
        missing = missing_extra(ModuleNotFoundError(name=package))
        assert missing is not None, f"no extra brings {package}"  # noqa: S101 - EXTRAS has it
        raise missing


@contextmanager
def noted_interrupt() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets besides interrupting: libraries make errors of their own of the interrupt."""
    pressed = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    # Elsewhere than in the main thread Python takes no handler, and whoever has one already keeps it.
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        # A run that was asked to end leaves SIGINT at the system's default: so it stays.
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _of_the_system(error: OSError) -> str:
    places = [str(place) for place in (error.filename, error.filename2) if place is not None]
    where = f"{places[-1]}: " if places else ""
    fix = _FIXES.get(error.errno or 0)
    return f"{where}{error.strerror or error}" + (f"; {fix}" if fix else "")


COMMANDS = {
    "run": "run",
    "score": "score",
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
    "cameras": "cameras",
    "doctor": "doctor",
    "conditions": "conditions",
    "plugins": "plugins",
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
        click.echo(plain(redacted(said.line)), err=True)
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
