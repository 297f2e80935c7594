"""What a folder holds: its clips, and what is left out of it and why."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vad_edge.errors import SourceError
from vad_edge.video.images import SUFFIXES as IMAGE_SUFFIXES
from vad_edge.video.sniff import gives_frames, is_text, is_video

_log = logging.getLogger(__name__)

VIDEO_SUFFIXES: Final = (
    ".mkv", ".mp4", ".avi", ".webm", ".mov", ".m4v", ".ts", ".mpg", ".mpeg",
    ".mts", ".m2ts", ".3gp", ".flv", ".wmv", ".vob", ".dav", ".h264", ".h265",
)  # fmt: skip
"""What a file is called that is a video without a look into it."""

MAX_DEPTH: Final = 12
MAX_FILES: Final = 200_000
FRESH_S: Final = 10.0
"""A file that was changed so lately may be written to."""
_LOOK_S: Final = 0.5
_NAMED: Final = 3
_DATA_SUFFIXES: Final = (".npz", ".npy")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files that are not used, and why. With expected they lie beside footage as a matter of course."""

    paths: tuple[Path, ...]
    reason: str
    expected: bool = False

    def __str__(self) -> str:
        """How many, the first names, and the reason."""
        count = f"{len(self.paths)} file{'s' if len(self.paths) > 1 else ''}"
        first = ", ".join(path.name for path in self.paths[:_NAMED])
        return f"{count} ({first}{', ...' if len(self.paths) > _NAMED else ''}): {self.reason}"


@dataclass(frozen=True, slots=True)
class FolderClips:
    """The clips of a folder in order of their paths, each a video or a folder of images."""

    folder: Path
    clips: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()

    def log(self) -> None:
        """Name what is left out; what was to be expected, at level info."""
        for left in self.left_out:
            level = logging.INFO if left.expected else logging.WARNING
            _log.log(level, "%s: left out: %s", self.folder, left)


def folder_clips(folder: Path, *, wait: Callable[[float], None] = time.sleep) -> FolderClips:
    """Look through a folder and the folders in it, hidden ones left out.

    A file is a video by its suffix; of another or no suffix, if it opens as one. A folder of images without a
    video in or below it is one clip. A file that is being written is left out. Raises SourceError for a
    folder of more than `MAX_FILES` files.
    """
    tree = _Tree(folder)
    images, rest = _split(tree.files, lambda path: path.suffix.lower() in IMAGE_SUFFIXES)
    named, unknown = _split(rest, lambda path: path.suffix.lower() in VIDEO_SUFFIXES)
    growing = _growing(named, unknown, wait)
    videos = [path for path in named if path not in growing]
    found, other = _split([path for path in unknown if path not in growing], is_video)
    videos += found
    picture_clips, beside, below = _image_folders(images, videos)
    text, strange = _split(other, lambda path: path.suffix.lower() in _DATA_SUFFIXES or is_text(path))
    left_out = [
        LeftOut(tuple(sorted(paths)), reason, expected)
        for paths, reason, expected in (
            (
                list(growing),
                "still being written, or broken; try again when they are whole",
                False,
            ),
            (beside, "images beside videos; to use them, give a folder that holds them alone", False),
            (below, "images below a folder of images; to use them, give their own folder", False),
            (strange, "neither videos nor images", False),
            (text, "notes and data, not video", True),
            (tree.doubles, "links to files that are used by their own name", True),
            (tree.unread, "cannot be read", False),
            (tree.deep, f"more than {MAX_DEPTH} folders deep; give a folder nearer to them", False),
        )
        if paths
    ]
    return FolderClips(folder, tuple(sorted([*videos, *picture_clips])), tuple(left_out))


class _Tree:
    """The files of a folder: each once, links last; no folder is entered twice."""

    def __init__(self, root: Path) -> None:
        self.files: list[Path] = []
        self.doubles: list[Path] = []
        self.unread: list[Path] = []
        self.deep: list[Path] = []
        self._root = root
        self._entered: set[tuple[int, int]] = set()
        self._seen: set[Path] = set()
        links = list(self._walk(root, 0))
        while links:
            link, depth = links.pop(0)
            if not link.exists():
                self.unread.append(link)
            elif link.is_dir():
                links += self._walk(link, depth)
            elif link.resolve() in self._seen:
                self.doubles.append(link)
            else:
                self._take(link)

    def _walk(self, folder: Path, depth: int) -> Iterator[tuple[Path, int]]:
        """Take the files of a folder that are no links; the links, and how deep they lie."""
        if depth > MAX_DEPTH:
            self.deep.append(folder)
            return
        try:
            known = folder.stat()
            if (known.st_dev, known.st_ino) in self._entered:
                return
            self._entered.add((known.st_dev, known.st_ino))
            entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        except OSError:
            self.unread.append(folder)
            return
        for entry in entries:
            if entry.is_symlink():
                yield entry, depth + 1
            elif entry.is_dir():
                yield from self._walk(entry, depth + 1)
            else:
                self._take(entry)

    def _take(self, path: Path) -> None:
        if not path.is_file():  # a pipe or a socket waits for ever
            self.unread.append(path)
            return
        self.files.append(path)
        self._seen.add(path.resolve())
        if len(self.files) > MAX_FILES:
            raise SourceError(
                f"more than {MAX_FILES:,} files", where=str(self._root), fix="give a smaller folder of clips"
            )


def _growing(named: Sequence[Path], unknown: Sequence[Path], wait: Callable[[float], None]) -> set[Path]:
    """Files that are being written: they grow, or are videos by name, just changed and of no use yet."""
    fresh = {path: size for path in (*named, *unknown) if (size := _fresh_size(path)) is not None}
    if not fresh:
        return set()
    wait(_LOOK_S)
    videos = set(named)
    return {
        path
        for path, size in fresh.items()
        if path.stat().st_size != size or (path in videos and not gives_frames(path))
    }


def _fresh_size(path: Path) -> int | None:
    known = path.stat()
    return known.st_size if abs(time.time() - known.st_mtime) < FRESH_S else None


def _image_folders(
    images: Sequence[Path], videos: Sequence[Path]
) -> tuple[list[Path], list[Path], list[Path]]:
    """Folders of images that are clips; images with a video in or below their folder; those below a clip."""
    with_video = {parent for video in videos for parent in video.parents}
    alone = {image.parent for image in images} - with_video
    clips = {folder for folder in alone if not alone.intersection(folder.parents)}
    beside = [image for image in images if image.parent in with_video]
    below = [image for image in images if image.parent in alone - clips]
    return list(clips), beside, below


def _split(paths: Sequence[Path], takes: Callable[[Path], bool]) -> tuple[list[Path], list[Path]]:
    taken = [path for path in paths if takes(path)]
    kept = set(taken)
    return taken, [path for path in paths if path not in kept]
