"""Reading the kernel's small files, any of which may be missing, empty or refused."""

from __future__ import annotations

from pathlib import Path


def text(path: Path) -> str:
    """The file without what surrounds it; empty where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip("\0\n\t ")
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """The whole number in the file; None where there is none."""
    try:
        return int(text(path))
    except ValueError:
        return None
