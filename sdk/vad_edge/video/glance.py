"""What a quick look at a frame tells: light, colour, edges, sharpness of a small copy of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Gray = NDArray[np.float32]

WIDTH: Final = 64
HEIGHT: Final = 36
"""Size of the small copy: a passer-by is a few pixels, furniture and kerbs keep their places."""
_SAMPLED: Final = (2 * HEIGHT, 2 * WIDTH)
"""Rows and columns of the sample: twice those of the small copy, which is then made almost for nothing."""
_LIT: Final = 10.0
"""Grey levels added where edges are compared with the light they are seen in: the dark has noise."""
_SPREAD: Final = 5.0
_FLOOR: Final = 4.0
_WINDOW: Final = np.outer(np.hanning(HEIGHT), np.hanning(WIDTH)).astype(np.float32)


@dataclass(slots=True)
class Glance:
    """One frame as `Looker` saw it. The arrays are the looker's own: its second look from now changes them.

    sample is pixels of the frame at even distances, uint8 (72, 128, 3). grey is the small copy, uint8
    (36, 64), light its mean level, colour the mean distance of a pixel's largest and smallest channel.

    `Looker.finish` fills in the rest: edges, the strength of the small copy's, and their pattern, both
    float32 (36, 64), and sharpness, how much the finest detail makes of them.
    """

    sample: Image = field(default_factory=lambda: np.zeros((*_SAMPLED, 3), np.uint8))
    grey: Image = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.uint8))
    light: float = 0.0
    colour: float = 0.0
    edges: Gray = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    pattern: Gray = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    sharpness: float = 0.0


class Looker:
    """Looks at the frames of one camera, of any size; its buffers are made once and taken in turns."""

    def __init__(self) -> None:
        self._glance, self._next = Glance(), Glance()
        self._small = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self._channels = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(3)]
        self._across, self._down = (np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(2))
        self._fine = np.zeros(_SAMPLED, np.uint8)
        self._detail = np.zeros(_SAMPLED, np.int16)

    def look(self, image: Image) -> Glance:
        """A look at a frame, uint8 (H, W, 3) BGR; `finish` adds what is seldom asked for."""
        self._glance, self._next = self._next, self._glance
        glance = self._glance
        # In a frame that is hardly larger than the sample, pixels would count twice or not.
        large = image.shape[0] >= 2 * _SAMPLED[0] and image.shape[1] >= 2 * _SAMPLED[1]
        way = cv2.INTER_NEAREST if large else cv2.INTER_LINEAR
        cv2.resize(image, _SAMPLED[::-1], dst=glance.sample, interpolation=way)
        cv2.resize(glance.sample, (WIDTH, HEIGHT), dst=self._small, interpolation=cv2.INTER_AREA)
        cv2.cvtColor(self._small, cv2.COLOR_BGR2GRAY, dst=glance.grey)
        glance.light = float(cv2.mean(glance.grey)[0])
        glance.colour = self._colour()
        return glance

    def finish(self, glance: Glance) -> None:
        """Add the edges, their pattern and the sharpness to one of the last two looks."""
        cv2.Sobel(glance.grey, cv2.CV_32F, 1, 0, dst=self._across)
        cv2.Sobel(glance.grey, cv2.CV_32F, 0, 1, dst=self._down)
        cv2.magnitude(self._across, self._down, magnitude=glance.edges)
        pattern_into(glance.edges, glance.pattern)
        cv2.cvtColor(glance.sample, cv2.COLOR_BGR2GRAY, dst=self._fine)
        cv2.Laplacian(self._fine, cv2.CV_16S, dst=self._detail)
        detail = cv2.norm(self._detail, cv2.NORM_L2) / math.sqrt(self._detail.size)
        glance.sharpness = detail / (float(cv2.mean(glance.edges)[0]) + 1.0)

    def _colour(self) -> float:
        """Largest less smallest of three is half the sum of what lies between each two."""
        blue, green, red = cv2.split(self._small, self._channels)
        apart = cv2.norm(blue, green, cv2.NORM_L1) + cv2.norm(green, red, cv2.NORM_L1)
        return (apart + cv2.norm(red, blue, cv2.NORM_L1)) / (2.0 * blue.size)


def brightest(glance: Glance) -> float:
    """The level that 99 % of the sample's green stay below."""
    counts = cv2.calcHist([glance.sample], [1], None, [256], [0.0, 256.0])
    return float(np.searchsorted(np.cumsum(counts), 0.99 * _SAMPLED[0] * _SAMPLED[1]))


def lit(light: float) -> float:
    """What edges are compared with that were seen in this light: half of both is the same picture."""
    return light + _LIT


def pattern_into(edges: Gray, out: Gray) -> None:
    """Edges, (36, 64), each weighed by those around it; of length 1: two multiply to a correlation."""
    cv2.GaussianBlur(edges, (0, 0), _SPREAD, dst=out)
    np.add(out, np.float32(_FLOOR), out=out)
    np.divide(edges, out, out=out)
    np.subtract(out, np.float32(cv2.mean(out)[0]), out=out)
    np.multiply(out, _WINDOW, out=out)
    length = cv2.norm(out)
    if length > 0.0:
        np.divide(out, np.float32(length), out=out)
