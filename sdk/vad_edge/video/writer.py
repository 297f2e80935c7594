"""Video files of a constant frame rate, written through OpenCV and playable whenever they are closed."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import OutputError

CODECS = {".mp4": "mp4v", ".webm": "VP80", ".mkv": "FFV1", ".avi": "MJPG"}
"""What the OpenCV wheel can write: MPEG-4, VP8 (plays in browsers), lossless FFV1, motion JPEG.

VP9 through OpenCV costs five times the processor time of VP8 for a tenth less disk.
"""
_FULL_BYTES = 256 << 10
"""OpenCV does not say that a disk took nothing more; one with less space than this is full."""


class VideoWriter:
    """Writes BGR frames of one size; the codec follows from the suffix.

    size is (width, height). A frame of another size is resized. Raises OutputError for a suffix without
    codec, when the file cannot be opened, and when the disk is full.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        codec = CODECS.get(path.suffix)
        if codec is None:
            raise OutputError(
                f"no codec for {path.suffix!r}", where=str(path), fix=f"use {', '.join(CODECS)}"
            )
        self.path = path
        self._size = size
        self._look_every = max(round(fps), 1)
        self._written = 0
        refusal = OutputError(
            f"cannot write {codec} video", where=str(path), fix="check the folder and free space"
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refusal from error
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)
        if not self._writer.isOpened():
            raise refusal

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append one frame, uint8 (H, W, 3)."""
        if (image.shape[1], image.shape[0]) != self._size:
            image = np.asarray(cv2.resize(image, self._size), np.uint8)
        self._writer.write(image)
        self._written += 1
        if self._written % self._look_every == 0:
            self._check_disk()

    def close(self) -> None:
        """Finish the file."""
        if self._writer.isOpened():
            self._writer.release()
            self._check_disk()

    def _check_disk(self) -> None:
        if is_full(self.path.parent):
            raise OutputError(
                "the disk is full, so the video is cut", where=str(self.path), fix="make room, and try again"
            )

    def __enter__(self) -> VideoWriter:
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file, whatever happened."""
        self.close()


def is_full(folder: Path) -> bool:
    """Whether nothing more can be written to the disk of a folder."""
    return shutil.disk_usage(folder).free < _FULL_BYTES
