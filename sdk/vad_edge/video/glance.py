"""What a quick look at a frame tells: light, colour, edges, sharpness of a small copy of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Gray = NDArray[np.float32]

WIDTH: Final = 64
HEIGHT: Final = 36
"""Size of the small copy: a passer-by is a few pixels, furniture and kerbs keep their places."""
_SAMPLE: Final = (90, 160)
"""Rows and columns at least that every n-th pixel is taken for, where the frame has as many."""
_LIT: Final = 10.0
"""Grey levels added where edges are compared with the light they are seen in: the dark has noise."""


@dataclass(slots=True)
class Glance:
    """One frame as `Looker` saw it. The arrays are the looker's own: its second look from now changes them.

    sample is every n-th pixel, uint8 (h, w, 3). grey is the small copy, uint8, centred the same about its
    own mean, float32, both (36, 64). light is its mean grey level, brightest what 99 % of the sample's green
    stay below, colour the mean distance of a pixel's largest and smallest channel.

    `Looker.finish` fills in the rest: edges, the strength of the small copy's, float32 (36, 64), and
    sharpness, how much the finest detail makes of them.
    """

    sample: Image
    grey: Image
    centred: Gray
    edges: Gray
    light: float = 0.0
    brightest: float = 0.0
    colour: float = 0.0
    sharpness: float = 0.0


class Looker:
    """Looks at the frames of one camera; buffers are made once for a frame size and taken in turns."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()
        self._next = 0

    def look(self, image: Image) -> Glance:
        """A look at a frame, uint8 (H, W, 3) BGR; it has no edges and no sharpness until it is finished."""
        if image.shape != self._shape:
            self._make_room(image.shape)
        glance = self._glances[self._next]
        self._next = 1 - self._next
        sample = glance.sample
        rows = image[:: self._step]
        for channel in range(3):  # several times as fast as all three at once
            sample[..., channel] = rows[:, :: self._step, channel]
        cv2.resize(sample, (WIDTH, HEIGHT), dst=self._small, interpolation=cv2.INTER_AREA)
        cv2.split(self._small, self._channels)
        glance.colour = self._colour()
        cv2.cvtColor(self._small, cv2.COLOR_BGR2GRAY, dst=glance.grey)
        glance.light = float(cv2.mean(glance.grey)[0])
        np.subtract(glance.grey, np.float32(glance.light), out=glance.centred, dtype=np.float32)
        glance.brightest = self._brightest(sample)
        return glance

    def finish(self, glance: Glance) -> None:
        """Add the edges and the sharpness to one of the last two looks."""
        cv2.Sobel(glance.grey, cv2.CV_32F, 1, 0, dst=self._across)
        cv2.Sobel(glance.grey, cv2.CV_32F, 0, 1, dst=self._down)
        cv2.magnitude(self._across, self._down, magnitude=glance.edges)
        cv2.cvtColor(glance.sample, cv2.COLOR_BGR2GRAY, dst=self._fine)
        cv2.Laplacian(self._fine, cv2.CV_16S, dst=self._detail)
        detail = cv2.norm(self._detail, cv2.NORM_L2) / math.sqrt(self._detail.size)
        glance.sharpness = detail / (float(cv2.mean(glance.edges)[0]) + 1.0)

    def _make_room(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._step = max(min(shape[0] // _SAMPLE[0], shape[1] // _SAMPLE[1]), 1)
        rows, columns = -(-shape[0] // self._step), -(-shape[1] // self._step)
        self._glances = [
            Glance(
                np.zeros((rows, columns, 3), np.uint8),
                np.zeros((HEIGHT, WIDTH), np.uint8),
                np.zeros((HEIGHT, WIDTH), np.float32),
                np.zeros((HEIGHT, WIDTH), np.float32),
            )
            for _ in range(2)
        ]
        self._small = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self._channels = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(3)]
        self._highest, self._lowest = (np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(2))
        self._across, self._down = (np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(2))
        self._fine = np.zeros((rows, columns), np.uint8)
        self._detail = np.zeros((rows, columns), np.int16)

    def _colour(self) -> float:
        blue, green, red = self._channels
        cv2.max(cv2.max(blue, green, dst=self._highest), red, dst=self._highest)
        cv2.min(cv2.min(blue, green, dst=self._lowest), red, dst=self._lowest)
        return float(cv2.mean(self._highest)[0] - cv2.mean(self._lowest)[0])

    @staticmethod
    def _brightest(sample: Image) -> float:
        counts = cv2.calcHist([sample], [1], None, [256], [0.0, 256.0])
        return float(np.searchsorted(np.cumsum(counts), 0.99 * sample.shape[0] * sample.shape[1]))


def relative(edges: Gray, light: float) -> Gray:
    """Edges, (h, w), as a share of the light they are seen in: half the light leaves them as they are."""
    return np.asarray(edges / np.float32(light + _LIT), np.float32)
