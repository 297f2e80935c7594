"""Findings on the terminal, one line each as they come, or all of them as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vad_edge.runtime.finding import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def show_findings(findings: Iterable[Finding], *, as_json: bool) -> None:
    """Print them all; ends with exit code 1 if one is a failure."""
    shown = []
    for finding in findings:
        shown.append(finding)
        if not as_json:
            mark = click.style(f"{finding.state:4}", fg=_COLOURS[finding.state])
            fix = f"; {finding.fix}" if finding.fix else ""
            click.echo(f"{mark} {finding.subject}: {finding.text}{fix}")
    if as_json:
        click.echo(json.dumps({"findings": [finding.to_dict() for finding in shown]}))
    if any(finding.state == "fail" for finding in shown):
        sys.exit(1)
