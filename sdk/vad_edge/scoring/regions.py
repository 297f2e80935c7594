"""Where in the picture the model failed: the error map's strongest patches as boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Region:
    """A box in source pixels, (x, y) its top left corner; strength is the largest error inside."""

    x: int
    y: int
    width: int
    height: int
    strength: float


def find_regions(
    error_map: NDArray[np.float32], *, floor: float, width: int, height: int, limit: int = 4
) -> list[Region]:
    """Boxes around the places whose error lies above `floor`, strongest first, at most `limit`.

    error_map: (h, w). width and height are the source picture's. Patches with no more than two map cells
    between them count as one.
    """
    rows, columns = error_map.shape
    above = (error_map > floor).astype(np.uint8)
    grown = cv2.dilate(above, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(grown, connectivity=8)
    peaks = np.zeros(count)
    np.maximum.at(peaks, labels[above > 0].astype(np.intp), error_map[above > 0])
    strongest = sorted(range(1, count), key=lambda label: -peaks[label])[:limit]

    regions = []
    for label in strongest:
        y, x = np.nonzero((labels == label) & (above > 0))
        left, right = math.floor(x.min() * width / columns), math.ceil((x.max() + 1) * width / columns)
        top, bottom = math.floor(y.min() * height / rows), math.ceil((y.max() + 1) * height / rows)
        regions.append(Region(left, top, right - left, bottom - top, float(peaks[label])))
    return regions
