"""A picture of what a camera sees, as JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.fusion.level import Level
from vad_edge.fusion.risk import Risk
from vad_edge.report.drawing import Caption, annotate
from vad_edge.scoring.regions import Region
from vad_edge.video.frame import Frame

QUALITY = 80
MAX_WIDTH = 1280


def photograph(
    camera: str, frame: Frame, level: Level, risk: Risk | None, regions: tuple[Region, ...], note: str = ""
) -> bytes:
    """The annotated frame as JPEG, at most `MAX_WIDTH` wide; takes some milliseconds."""
    caption = Caption(camera, frame.time_s, level, risk, (), note)
    picture = annotate(frame.image, None, (0.0, 1.0), regions, caption)
    if picture.shape[1] > MAX_WIDTH:
        height = round(picture.shape[0] * MAX_WIDTH / picture.shape[1])
        picture = np.asarray(cv2.resize(picture, (MAX_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)
    return _jpeg(picture)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError(f"a picture of {picture.shape} cannot be encoded")
    return data.tobytes()
