"""The command line: one file a command, no logic."""

from vad_edge.cli.group import main

__all__ = ["main"]
