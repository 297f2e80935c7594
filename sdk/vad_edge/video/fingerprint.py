"""What footage is known by, whatever it is called: a sha256 of its content."""

from __future__ import annotations

import hashlib
from pathlib import Path


def fingerprint(clip: Path) -> str:
    """The sha256 of a video file, or of the images of a folder in their order."""
    digest = hashlib.sha256()
    files = sorted(path for path in clip.iterdir() if path.is_file()) if clip.is_dir() else [clip]
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
