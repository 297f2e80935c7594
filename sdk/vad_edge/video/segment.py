"""One file of recorded footage: Matroska with JPEG pictures, each with its own time."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.common.whole_writes import WholeWrites
from vad_edge.video.matroska import Muxer

SUFFIX: Final = ".mkv"
JPEG_QUALITY: Final = 90
"""Every picture stands alone, costs little processor time on a board, and has no artefacts over time."""


class Segment:
    """A new file `path`, under its own name and of use from the first picture on.

    size is (width, height). began is the wall time of the first picture, None where it is not known. Raises
    OSError, FileExistsError where the file is there.
    """

    def __init__(self, path: Path, size: tuple[int, int], began: datetime | None) -> None:
        self.path = path
        self.size = size
        self._file = WholeWrites(path, "x")
        self._first_s: float | None = None
        try:
            self._muxer = Muxer(self._file.write, "mjpeg", size, began=began)
        except OSError:
            self._file.close()
            path.unlink(missing_ok=True)
            raise

    def add(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Append one picture of this file's size. Raises OSError, and then it is not in the file."""
        if self._first_s is None:
            self._first_s = time_s
        jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))[1]
        self._muxer.add(jpeg.tobytes(), time_s - self._first_s)

    def finish(self) -> bool:
        """Close the file, with its duration and rate; false where there was not one picture to keep."""
        for patch in self._muxer.patches():
            with contextlib.suppress(OSError):  # it plays without
                self._file.change(patch.offset, patch.data)
        self._file.close()
        if not self._muxer.frames:
            self.path.unlink(missing_ok=True)
        return self._muxer.frames > 0
