"""What a run shows while it goes: a live table on a terminal, log lines elsewhere."""

from __future__ import annotations

from rich.console import Console

from vad_edge.cli.logs import set_level
from vad_edge.report.live import LiveTable
from vad_edge.report.log_lines import LogLines
from vad_edge.report.moment import RunObserver


def terminal_observer(log_level: str | None = None) -> RunObserver:
    """The observer for where standard error goes; log_level changes how much is logged."""
    console = Console(stderr=True)
    if log_level is not None:
        set_level(log_level)
    if not console.is_terminal:
        return LogLines()
    if log_level is None:
        set_level("warning")
    return LiveTable(console)
