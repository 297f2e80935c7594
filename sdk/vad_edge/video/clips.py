"""Which recordings a path stands for: a video, a folder of images, or a folder of such clips."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vad_edge.errors import SourceError
from vad_edge.video.folder import VIDEO_SUFFIXES, folder_clips


def clips_of(path: Path) -> list[Path]:
    """The clips at `path`, in order of their names; the path itself where it is one.

    What is left out of a folder is logged, with the reason. Raises SourceError for a path that is not there
    and for a folder without clips.
    """
    if not path.exists():
        raise SourceError("no such file or folder", where=str(path), fix="check the path")
    if not path.is_dir():
        return [path]
    found = folder_clips(path)
    if not found.clips:
        held = "".join(f"; {left}" for left in found.left_out)
        raise SourceError(
            f"the folder holds neither videos nor images{held}",
            where=str(path),
            fix=f"give a folder of clips: {', '.join(VIDEO_SUFFIXES)}, or folders of images",
        )
    found.log()
    return list(found.clips)


def fingerprint(clip: Path) -> str:
    """The sha256 of a video file, or of the images of a folder in their order."""
    digest = hashlib.sha256()
    files = sorted(path for path in clip.iterdir() if path.is_file()) if clip.is_dir() else [clip]
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
