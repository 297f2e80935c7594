"""Findings on the terminal, one line each as they come, or all of them as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from vad_edge.common.escape import plain
from vad_edge.common.secret import redacted

if TYPE_CHECKING:
    from vad_edge.diagnostics.finding import Finding


_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def show_findings(findings: Iterable[Finding], *, as_json: bool) -> None:
    """Print them all; ends with exit code 1 if one is a failure."""
    shown = []
    for finding in findings:
        shown.append(finding)
        if not as_json:
            mark = click.style(f"{finding.state:4}", fg=_COLOURS[finding.state])
            fix = f"; {finding.fix}" if finding.fix else ""
            click.echo(f"{mark} {plain(redacted(f'{finding.subject}: {finding.text}{fix}'))}")
    if as_json:
        click.echo(json.dumps({"findings": [asdict(finding) for finding in shown]}))
    if any(finding.state == "fail" for finding in shown):
        sys.exit(1)


Report = Callable[[str, float, float], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@contextmanager
def progress_bars() -> Iterator[Report]:
    """A bar for each kind of work that is reported; they vanish when the work is done."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def report(what: str, done: float, total: float) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield report
