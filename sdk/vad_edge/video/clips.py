"""Which recordings a path stands for: a video, a folder of images, or a folder of such clips."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from vad_edge.errors import SourceError
from vad_edge.video.images import SUFFIXES as IMAGE_SUFFIXES

VIDEO_SUFFIXES: Final = (".mkv", ".mp4", ".avi", ".webm", ".mov", ".m4v", ".ts", ".mpg", ".mpeg")


def clips_of(path: Path) -> list[Path]:
    """The clips at `path`, in order of their names; the path itself where it is one.

    Raises SourceError for a path that is not there and for a folder without clips.
    """
    if not path.exists():
        raise SourceError("no such file or folder", where=str(path), fix="check the path")
    if path.is_file() or _holds_images(path):
        return [path]
    clips = sorted(
        entry
        for entry in path.iterdir()
        if not entry.name.startswith(".")
        and (entry.suffix.lower() in VIDEO_SUFFIXES if entry.is_file() else _holds_images(entry))
    )
    if not clips:
        raise SourceError(
            "the folder holds neither videos nor images",
            where=str(path),
            fix=f"give a folder of clips: {', '.join(VIDEO_SUFFIXES)}, or folders of images",
        )
    return clips


def _holds_images(folder: Path) -> bool:
    return folder.is_dir() and any(entry.suffix.lower() in IMAGE_SUFFIXES for entry in folder.iterdir())


def fingerprint(clip: Path) -> str:
    """The sha256 of a video file, or of the images of a folder in their order."""
    digest = hashlib.sha256()
    files = sorted(path for path in clip.iterdir() if path.is_file()) if clip.is_dir() else [clip]
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
