"""Where in the picture something is: masks and zones, and the strongest patches of the error map as boxes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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


FADING_S: Final = 0.3
SHOWS_S: Final = 10.0 * FADING_S
"""After so long nothing is left of what was there."""
STAYS: Final = 0.7
"""A patch that was there before stays while it is above this share of what a new one must reach."""
SAME: Final = 0.2
"""Overlap of two boxes, as intersection over union, from which they are one region."""


@dataclass(frozen=True, slots=True)
class Region:
    """A box in source pixels, (x, y) its top left corner; strength is the largest error inside.

    area is how many source pixels of it stand out, (peak_x, peak_y) where most. zones are the names of those
    it lies in. number is the same from event to event of an incident, 0 where it is not followed.
    """

    x: int
    y: int
    width: int
    height: int
    strength: float
    area: int = 0
    peak_x: int = 0
    peak_y: int = 0
    zones: tuple[str, ...] = ()
    number: int = 0


class RegionTracker:
    """Follows the regions of one camera from event to event; its error map, from frame to frame.

    What comes into the map is there at once and fades over `FADING_S`. A patch that was there when `regions`
    was asked for before leaves later than it came, and one that overlaps with a region of then is that one.
    """

    def __init__(self, zones: Zones | None = None) -> None:
        self._zones = zones
        self._seen: deque[tuple[float, NDArray[np.float32]]] = deque()
        self._regions: list[Region] = []
        self._next = 1

    def see(self, time_s: float, error_map: NDArray[np.float32] | None) -> None:
        """Take up a frame's map, (h, w), which must not change any more; None, and a new size, start over.

        Events are rare: maps are kept as long as they show, and put together when they are asked for.
        """
        seen = self._seen
        if error_map is None:
            seen.clear()
            return
        if seen and (error_map.shape != seen[-1][1].shape or time_s < seen[-1][0]):
            seen.clear()
        seen.append((time_s, error_map))
        while time_s - seen[0][0] > SHOWS_S:
            seen.popleft()

    def regions(self, width: int, height: int) -> list[Region]:
        """The regions now, strongest first, in a picture of width x height; empty without a map."""
        if not self._seen:
            return []
        error_map = _faded(self._seen)
        found = find_regions(
            error_map,
            floor=half_peak(error_map),
            width=width,
            height=height,
            zones=self._zones,
            before=self._regions,
        )
        taken: set[int] = set()
        self._regions = [self._named(region, taken) for region in found]
        return self._regions

    def forget(self) -> None:
        """The incident is over: the next regions are others."""
        self._regions = []

    def _named(self, region: Region, taken: set[int]) -> Region:
        old = [each for each in self._regions if each.number not in taken]
        best = max(old, key=lambda each: overlap(each, region), default=None)
        if best is not None and overlap(best, region) >= SAME:
            number = best.number
        else:
            number, self._next = self._next, self._next + 1
        taken.add(number)
        return replace(region, number=number)


def _faded(seen: Iterable[tuple[float, NDArray[np.float32]]]) -> NDArray[np.float32]:
    """Maps of (time, map) one over the other: what is strong comes at once and fades, newest last."""
    (before_s, first), *later = seen
    faded = first.copy()
    for time_s, error_map in later:
        follow = -math.expm1(-(time_s - before_s) / FADING_S)
        faded += np.float32(follow) * (error_map - faded)
        np.maximum(faded, error_map, out=faded)
        before_s = time_s
    return faded


def find_regions(
    error_map: NDArray[np.float32],
    *,
    floor: float,
    width: int,
    height: int,
    limit: int = 4,
    zones: Zones | None = None,
    before: list[Region] | None = None,
) -> list[Region]:
    """Boxes around the places whose error lies above `floor`, strongest first, at most `limit`.

    error_map: (h, w). width and height are the source picture's. Patches with no more than two map cells
    between them count as one. Inside the boxes that were there before, `STAYS` of the floor is enough.
    """
    rows, columns = error_map.shape
    wanted = np.full((rows, columns), floor, np.float32)
    for box in before or ():
        top, bottom = box.y * rows // height, -(-(box.y + box.height) * rows // height)
        left, right = box.x * columns // width, -(-(box.x + box.width) * columns // width)
        wanted[top:bottom, left:right] = STAYS * floor
    above = error_map > wanted
    grown = cv2.dilate(above.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(grown, connectivity=8)
    peaks = np.zeros(count)
    np.maximum.at(peaks, labels[above].astype(np.intp), error_map[above])
    strongest = sorted(range(1, count), key=lambda label: -peaks[label])[:limit]

    regions = []
    for label in strongest:
        cells = (labels == label) & above
        y, x = np.nonzero(cells)
        left, right = math.floor(x.min() * width / columns), math.ceil((x.max() + 1) * width / columns)
        top, bottom = math.floor(y.min() * height / rows), math.ceil((y.max() + 1) * height / rows)
        most = int(np.argmax(error_map[y, x]))
        regions.append(
            Region(
                left,
                top,
                right - left,
                bottom - top,
                float(peaks[label]),
                area=round(len(x) * width * height / (rows * columns)),
                peak_x=min(int((x[most] + 0.5) * width / columns), width - 1),
                peak_y=min(int((y[most] + 0.5) * height / rows), height - 1),
                zones=() if zones is None else zones.of(cells),
            )
        )
    return regions


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two boxes, 0..1."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(across, 0) * max(down, 0)
    whole = one.width * one.height + other.width * other.height - shared
    return shared / whole if whole else 0.0


def half_peak(error_map: NDArray[np.float32]) -> float:
    """Half way from the map's median to its peak: what stands out, whatever the model's scale."""
    middle, peak = span(error_map)
    return middle + 0.5 * (peak - middle)


def span(error_map: NDArray[np.float32]) -> tuple[float, float]:
    """The map's median and its peak.

    Without `numpy.median`, which imports masked arrays when it is first called: a tenth of a second, in which
    the first event of a run would wait.
    """
    middle = error_map.size // 2
    ordered = np.partition(error_map, (middle - 1, middle), axis=None)
    low, high = ordered[middle - 1 + error_map.size % 2], ordered[middle]
    return 0.5 * (float(low) + float(high)), float(error_map.max())
