"""Made-up pictures of a room with furniture, noise and a person who walks through it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def room(seed: int = 1, *, height: int = 180, width: int = 320) -> Image:
    """A still, noiseless picture full of edges, (H, W, 3), in colour."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), (150, 140, 130), np.uint8)
    for _ in range(60):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        w, h = (int(size) for size in random.integers(8, 60, 2))
        colour = tuple(int(value) for value in random.integers(30, 226, 3))
        cv2.rectangle(image, (x, y), (x + w, y + h), colour, -1)
    return image


def live(image: Image, number: int) -> Image:
    """The picture as a sensor gives it, with noise of its own in every frame."""
    noise = np.random.default_rng(number).normal(0, 2, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def with_person(image: Image, number: int) -> Image:
    """A person who fills the height of the picture and a sixth of its width, further on in each frame."""
    height, width = image.shape[:2]
    left = (7 * number) % width
    changed = image.copy()
    cv2.rectangle(changed, (left, height // 8), (left + width // 6, height), (60, 50, 90), -1)
    return changed


def shifted(image: Image, right: float, down: float = 0.0) -> Image:
    """What a camera sees that has been turned: the picture moved by shares of its size."""
    height, width = image.shape[:2]
    matrix = np.array([[1, 0, right * width], [0, 1, down * height]], np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def covered(image: Image, share: float = 1.0) -> Image:
    """A hand or a cloth over a share of the picture, from the left."""
    changed = image.copy()
    columns = round(share * image.shape[1])
    changed[:, :columns] = cv2.GaussianBlur(image, (0, 0), 40)[:, :columns] // 3 + 40
    return changed


def blurred(image: Image, share: float = 0.03) -> Image:
    """Out of focus by a share of the picture's height."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), share * image.shape[0]), np.uint8)


def infrared(image: Image) -> Image:
    """The same room by an infra-red lamp: grey, and materials are as bright as they please."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(np.repeat((200 - 0.7 * grey).astype(np.uint8)[..., None], 3, axis=2), np.uint8)
