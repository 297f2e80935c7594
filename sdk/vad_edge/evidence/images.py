"""What may be seen in what is kept: masks that are burned in, and blurring."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.config.polygons import in_pixels
from vad_edge.config.site import Polygon
from vad_edge.errors import StoreError
from vad_edge.scoring.regions import span

Image = NDArray[np.uint8]

BLURRED_SIDE = 32
"""Pixels the long side of a picture is brought down to: a person who fills the height is four pixels wide."""


class PrivacyMasks:
    """Polygons of one camera that are black in everything that leaves the loop.

    Corners are fractions of width and height, so that they hold at any resolution.
    """

    def __init__(self, polygons: Sequence[Polygon] = ()) -> None:
        self._polygons = polygons
        self._shape: tuple[int, int] = (0, 0)
        self._corners: list[NDArray[np.int32]] = []

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._polygons)

    def burn(self, image: Image) -> Image:
        """The picture with the masks black: a copy, or `image` itself where there are none."""
        if not self._polygons:
            return image
        height, width = image.shape[:2]
        if self._shape != (height, width):
            self._shape = (height, width)
            self._corners = [in_pixels(polygon, width, height) for polygon in self._polygons]
        covered = image.copy()
        cv2.fillPoly(covered, self._corners, (0, 0, 0))
        return covered


def blurred(image: Image) -> Image:
    """The picture without anything that says who is in it; the size stays."""
    height, width = image.shape[:2]
    scale = min(BLURRED_SIDE / max(height, width), 1.0)
    small = cv2.resize(
        image, (max(round(width * scale), 1), max(round(height * scale), 1)), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


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
