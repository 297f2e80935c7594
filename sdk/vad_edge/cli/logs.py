"""What of the log is shown: all of ours from a level on, of others only what is wrong."""

from __future__ import annotations

import logging
import sys

OURS = ("vad_edge", "vad_edge_training", "vad_edge_export", "vad_edge_devices")


def start_logging(level: str) -> None:
    """Log to standard error."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(message)s",
        datefmt="%H:%M:%S",
    )
    set_level(level)


def set_level(level: str) -> None:
    """Show our own records of this level and above."""
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
