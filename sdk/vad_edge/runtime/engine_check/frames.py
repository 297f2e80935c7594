"""Synthetic frames that are the same on every machine: boxes that walk, and for a while one that flies."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

STRANGE: Final = range(55, 70)
"""The frames in which something moves that does not belong there."""
_BOXES: Final = ((0.1, 0.6, 0.004), (0.5, 0.5, -0.003), (0.8, 0.7, 0.002))
"""Where each box starts, x and y, and how far it walks a frame, in parts of the picture."""


def synthetic_frame(number: int, camera: int, height: int, width: int) -> NDArray[np.uint8]:
    """A BGR frame (height, width, 3) uint8; each camera has a view and a noise of its own."""
    noise = np.random.default_rng((camera, number))
    light = 70 + 80 * np.linspace(0, 1, height)[:, None, None] + 5 * camera
    image = np.broadcast_to(light, (height, width, 3)) + noise.normal(0, 3, (height, width, 3))
    for box, (x, y, pace) in enumerate(_BOXES):
        _draw(image, (x + pace * number + 0.13 * camera) % 1.0, y, 0.06, 0.2, 40 + 60 * box)
    if number in STRANGE:
        _draw(image, (0.06 * (number - STRANGE.start)) % 1.0, 0.3, 0.12, 0.12, 240)
    return np.clip(image, 0, 255).astype(np.uint8)


def _draw(image: NDArray[np.float64], x: float, y: float, wide: float, high: float, shade: int) -> None:
    height, width = image.shape[:2]
    top, left = int(y * height), int(x * width)
    image[top : top + max(int(high * height), 1), left : left + max(int(wide * width), 1)] = shade
