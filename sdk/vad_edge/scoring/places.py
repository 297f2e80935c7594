"""Polygons of the site file on a camera's picture: what counts for nothing, and what bears a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.config.polygons import in_pixels
from vad_edge.config.site import Polygon

_FINE: Final = 16
"""Steps to a side of a map's cell that polygons are drawn with."""
IGNORED: Final = 0.25
"""Share of a cell that must lie in masks for the cell to count for nothing."""


def coverage(polygons: Sequence[Polygon], height: int, width: int) -> NDArray[np.float32]:
    """How much of each cell of a map of (height, width) lies in one polygon or more, 0..1."""
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    cv2.fillPoly(fine, [in_pixels(polygon, width * _FINE, height * _FINE) for polygon in polygons], (255,))
    cells = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cells / 255.0, np.float32)


def ignore_weight(polygons: Sequence[Polygon], height: int, width: int) -> NDArray[np.float32]:
    """The weight of each cell, (height, width): 0 where masks cover a quarter of it or more, else 1."""
    return (coverage(polygons, height, width) < IGNORED).astype(np.float32)


class Zones:
    """The named places of one camera on maps of one size."""

    def __init__(self, polygons: Mapping[str, Polygon], height: int, width: int) -> None:
        self._cells = {
            name: coverage([polygon], height, width) >= IGNORED for name, polygon in polygons.items()
        }

    def of(self, cells: NDArray[np.bool_]) -> tuple[str, ...]:
        """The zones that some cells, (height, width), lie in, in the order of the site file."""
        return tuple(name for name, own in self._cells.items() if (own & cells).any())
