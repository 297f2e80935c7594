"""Video files, written through OpenCV and playable whenever they are closed."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import SourceError

CODECS = {".mp4": "mp4v", ".webm": "VP80", ".mkv": "FFV1", ".avi": "MJPG"}
"""What the OpenCV wheel can write: MPEG-4, VP8 (plays in browsers), lossless FFV1, motion JPEG.

VP9 through OpenCV costs five times the processor time of VP8 for a tenth less disk.
"""


class VideoWriter:
    """Writes BGR frames of one size; the codec follows from the suffix.

    size is (width, height). A frame of another size is resized. Raises SourceError for a suffix without
    codec, and when the file cannot be opened.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        codec = CODECS.get(path.suffix)
        if codec is None:
            raise SourceError(
                f"no codec for {path.suffix!r}", where=str(path), fix=f"use {', '.join(CODECS)}"
            )
        self.path = path
        self._size = size
        refusal = SourceError(
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

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()

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
