"""A folder of images as a recording."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import SourceError
from vad_edge.video.frame import Frame
from vad_edge.video.source import SourceInfo

_log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


class ImageFolderSource:
    """The images of a folder in natural order (2 before 10), `fps` of them a second.

    An image that cannot be read is left out; `truncated` counts them at the end. Raises SourceError for a
    folder without a readable image.
    """

    def __init__(self, folder: Path, *, fps: float) -> None:
        self._paths = sorted((p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES), key=_natural)
        self._place = 0
        self._unreadable: list[str] = []
        first = next((image for image in map(_read, self._paths) if image is not None), None)
        if first is None:
            raise SourceError(
                "no frames in this folder",
                where=str(folder),
                fix=f"it should hold images ({', '.join(SUFFIXES)})",
            )
        height, width = first.shape[:2]
        self._info = SourceInfo(str(folder), False, fps, width, height, len(self._paths))
        self._fps = fps

    @property
    def info(self) -> SourceInfo:
        """What the folder holds."""
        return self._info

    @property
    def truncated(self) -> str | None:
        """How many images cannot be read, and the first of them."""
        if not self._unreadable:
            return None
        count = f"{len(self._unreadable)} of {len(self._paths)} images"
        return f"{self._info.name}: {count} cannot be read, {self._unreadable[0]} first"

    def read(self) -> Frame | None:
        """The next image; its time counts the unreadable ones too."""
        while self._place < len(self._paths):
            index, path = self._place, self._paths[self._place]
            self._place += 1
            image = _read(path)
            if image is not None:
                return Frame(index, index / self._fps, image)
            if not self._unreadable:
                _log.warning("%s cannot be read as an image; it is left out", path)
            self._unreadable.append(path.name)
        return None

    def close(self) -> None:
        """Nothing is held open."""


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _read(path: Path) -> NDArray[np.uint8] | None:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)
