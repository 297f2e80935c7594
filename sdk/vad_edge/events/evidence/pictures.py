"""Frames and error maps as the bytes of picture files."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import StoreError
from vad_edge.scoring.regions import span

JPEG_QUALITY = 80
HEAT_WIDTH = 480


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """A BGR picture as JPEG. Raises StoreError where it cannot be encoded."""
    return _encoded(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def heat_map(error_map: NDArray[np.float32], width: int, height: int) -> bytes:
    """An error map (h, w) as a PNG in the shape of a picture of width x height, and nothing of that picture.

    Black is the map's own median, white its peak.
    """
    floor, peak = span(error_map)
    share = np.clip((error_map - floor) / max(peak - floor, 1e-12), 0.0, 1.0).astype(np.float32)
    size = (HEAT_WIDTH, max(round(HEAT_WIDTH * height / width), 1))
    large = cv2.resize(share, size, interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((large * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return _encoded(".png", np.asarray(colours, np.uint8), [])


def _encoded(suffix: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    try:
        done, data = cv2.imencode(suffix, image, options)
    except cv2.error as error:
        raise StoreError(f"a picture of {image.shape} cannot be encoded: {error}") from error
    if not done:
        raise StoreError(f"a picture of {image.shape} cannot be encoded")
    return data.tobytes()
