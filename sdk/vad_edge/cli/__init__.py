"""The command line: one file a command, no logic."""

from vad_edge.cli.app import main

__all__ = ["main"]
