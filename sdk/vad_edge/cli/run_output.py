"""How a run ends: on a signal, for good or to restart, and with which exit code."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from vad_edge.bundle.archive import Bundle
from vad_edge.cli.logs import set_level
from vad_edge.config.site import SiteConfig
from vad_edge.report.events_log import EventLines
from vad_edge.report.live import LiveTable, LogLines
from vad_edge.report.observer import Observer
from vad_edge.report.outputs import output_observers
from vad_edge.runtime.settings import RunSummary


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second one of them ends the program as usual."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        for each in before:
            signal.signal(each, signal.SIG_DFL)

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        # Who asks again while the program ends means it: no handler of Python's may make a failure of that.
        asked = any(signal.getsignal(number) is signal.SIG_DFL for number in before)
        for number, handler in before.items():
            if not asked:
                signal.signal(number, handler)


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """End as Ctrl-C does, cleaning up, where the program is told to end or its connection is lost."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Hangup:
    """What SIGHUP asks for: end the run, read the configuration again and restart."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Note the signal and end the run; a stop that was asked for before stays one."""
        self._asked = not self._stop.is_set()
        self._stop.set()

    def take(self) -> bool:
        """Whether the run that just ended is to begin again."""
        if not self._asked:
            return False
        self._asked = False
        self._stop.clear()
        return True


@contextmanager
def again_on_hangup(stop: threading.Event) -> Iterator[Hangup]:
    """What SIGHUP asked for, while `stop` ends the runs."""
    hangup = Hangup(stop)
    before = signal.signal(signal.SIGHUP, hangup.ask)
    try:
        yield hangup
    finally:
        signal.signal(signal.SIGHUP, before)


def exit_after(summary: RunSummary) -> None:
    """Say in one line what happened, and end with 1 if something outside failed on the way."""
    click.echo(summary_line(summary), err=True)
    for remark in summary.remarks:
        click.echo(f"vad-edge: note: {remark}", err=True)
    for problem in summary.problems:
        click.echo(f"vad-edge: error: {problem}", err=True)
    if summary.problems:
        sys.exit(1)


def keep_summary(summary: RunSummary, path: Path) -> RunSummary:
    """Leave the run's figures at `path`; where that fails, the summary has that among its problems."""
    try:
        path.write_text(json.dumps(summary.to_dict(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        problem = f"{path}: cannot be written: {error.strerror or error}"
        return replace(summary, problems=(*summary.problems, problem))
    return summary


def summary_line(summary: RunSummary) -> str:
    """The run in one line."""
    return (
        f"{summary.frames} frames in {summary.wall_s:.1f} s"
        f" ({summary.frames / max(summary.wall_s, 1e-9):.1f} a second), {summary.scored} scored,"
        f" {summary.invalid} invalid, {summary.skipped} skipped, {summary.dropped} dropped;"
        f" {_counted(summary.incidents, 'incident')}, {_counted(summary.events, 'event')};"
        f" latency p50 {summary.latency_ms['p50']:.1f} ms, p99 {summary.latency_ms['p99']:.1f} ms"
    )


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def run_observers(
    site: SiteConfig, bundle: Bundle | None, output: Path | None, *, log_level: str | None, as_json: bool
) -> list[Observer]:
    """What shows a run on the terminal, and what leaves files of it in `output`."""
    observers: list[Observer] = [terminal_observer(log_level)]
    if as_json:
        observers.append(EventLines(sys.stdout))
    if output is not None and bundle is not None:
        observers += output_observers(output, site, bundle)
    return observers


def terminal_observer(log_level: str | None = None) -> Observer:
    """The observer for where standard error goes; log_level changes how much is logged."""
    console = Console(stderr=True)
    if log_level is not None:
        set_level(log_level)
    if not console.is_terminal:
        return LogLines()
    if log_level is None:
        set_level("warning")
    return LiveTable(console)
