"""Paths that are made of data: names from messages, stores, archives and site files."""

from __future__ import annotations

from pathlib import Path

from vad_edge.errors import PathError


def inside(folder: Path, name: str) -> Path:
    """The path of `name` in `folder`, which it cannot leave, neither by its spelling nor through a link.

    name may have several parts, separated by ``/``. Raises PathError for one that is empty or absolute, has
    a part that is ``.`` or ``..``, a NUL or a backslash, or leads out of the folder.
    """
    parts = name.split("/")
    if not name or "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise PathError(f"{name!r} is no name within a folder", where=str(folder))
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise PathError(f"{name!r} leads out of the folder", where=str(folder))
    return path
