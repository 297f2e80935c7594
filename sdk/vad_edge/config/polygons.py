"""Polygons of the site file: as people type them, and in the pixels of a picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vad_edge.config.site import Polygon
from vad_edge.errors import ConfigError

_SHAPE = 'write "x,y x,y x,y": three corners or more'


def parse_polygon(text: str, width: int, height: int) -> Polygon:
    """The corners in `text` as fractions of a picture of width x height.

    Corners that all lie in 0..1 are fractions already, others source pixels. Raises ConfigError.
    """
    try:
        corners = [tuple(float(value) for value in corner.split(",")) for corner in text.split()]
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a polygon", fix=_SHAPE) from error
    if len(corners) < 3 or any(len(corner) != 2 or not all(map(math.isfinite, corner)) for corner in corners):
        raise ConfigError(f"{text!r} is not a polygon", fix=_SHAPE)
    pixels = any(value > 1.0 for corner in corners for value in corner)
    across, down = (width, height) if pixels else (1, 1)
    polygon = tuple((x / across, y / down) for x, y in corners)
    if any(not 0.0 <= value <= 1.0 for corner in polygon for value in corner):
        raise ConfigError(
            f"{text!r} lies outside the picture", fix=f"it is {width} pixels wide and {height} high"
        )
    return polygon


def in_pixels(polygon: Polygon, width: int, height: int) -> NDArray[np.int32]:
    """The corners, (N, 2) of x and y, in a picture of width x height, as OpenCV draws them."""
    return np.rint(np.array(polygon) * (width, height)).astype(np.int32)
