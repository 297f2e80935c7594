"""What of the log is shown: all of ours from a level on, of others only what is wrong."""

from __future__ import annotations

import logging
import sys

from vad_edge.report.journal import JournalHandler, under_journal

OURS = ("vad_edge", "vad_edge_training", "vad_edge_export", "vad_edge_devices")


def start_logging(level: str) -> None:
    """Log to standard error; a service, to the journal."""
    logging.basicConfig(handlers=[log_handler()], level=logging.WARNING)
    set_level(level)


def log_handler() -> logging.Handler:
    """Where records go: the journal stamps them itself, a terminal does not."""
    if under_journal():
        return JournalHandler()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    return handler


def set_level(level: str) -> None:
    """Show our own records of this level and above."""
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
