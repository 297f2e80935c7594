"""What never moves: the camera's viewpoint, paving, grass, the building and its door."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge_training.datasets.scene.story import DOOR

Image = NDArray[np.uint8]

HORIZON = -0.35
FOCAL = 1.18
CAMERA_HEIGHT = 8.0
PAVING = (7.8, 15.6)
WALL_Z = 19.0


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A pinhole camera high above the walkway, looking across it; its pictures are width x height."""

    width: int
    height: int

    def pixel(self, x: float, z: float, up: float = 0.0) -> tuple[float, float]:
        """Where a place is seen, in pixels from the upper left: metres across, away and above ground."""
        scale = self.scale(z)
        return self.width / 2 + x * scale, self.height * HORIZON + (CAMERA_HEIGHT - up) * scale

    def scale(self, z: float) -> float:
        """Pixels a metre at a distance."""
        return self.height * FOCAL / z

    def distance(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far away the ground seen in a row of pixels is, metres."""
        return CAMERA_HEIGHT * FOCAL * self.height / (row - self.height * HORIZON)


def draw_ground(view: Viewpoint, seed: int) -> Image:
    """The empty scene, (H, W, 3) BGR."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: view.height, : view.width].astype(np.float64)
    z = view.distance(rows)
    x = (columns - view.width / 2) / view.scale(1.0) * z

    grass = np.array([70.0, 120.0, 95.0])
    stone = np.array([150.0, 158.0, 162.0])
    wall = np.array([120.0, 140.0, 175.0])
    paved = (z > PAVING[0]) & (z < PAVING[1])
    built = z > WALL_Z
    picture = np.where(built[..., None], wall, np.where(paved[..., None], stone, grass))

    texture = _noise(random, view, cells=90) * 10 + _noise(random, view, cells=24) * 8
    texture += np.where(paved, 0.5, 1.4) * _noise(random, view, cells=160) * 9
    joints = (np.minimum(x % 1.2, 1.2 - x % 1.2) < 0.035) | (np.minimum(z % 0.8, 0.8 - z % 0.8) < 0.03)
    picture += texture[..., None]
    picture -= 22.0 * (paved & joints)[..., None]
    bricks = built & ((rows % max(view.height // 40, 2)) < 1)
    picture -= 14.0 * bricks[..., None]
    ground = np.clip(picture, 0, 255).astype(np.uint8)
    _draw_windows(ground, view)
    return ground


def draw_door(picture: Image, view: Viewpoint, *, is_open: bool) -> None:
    """Draw the building's door, closed or open."""
    left, right = DOOR[0] - 0.7, DOOR[0] + 0.7
    _fill(picture, view, left, right, 2.1, (35, 32, 30) if is_open else (60, 70, 95))
    if is_open:
        _fill(picture, view, left, left + 0.25, 2.1, (70, 82, 112))


def _draw_windows(picture: Image, view: Viewpoint) -> None:
    for x in (-9.0, -6.0, -3.0, 6.0, 9.0):
        _fill(picture, view, x - 0.8, x + 0.8, 3.4, (95, 85, 75), bottom=1.1)


def _fill(
    picture: Image,
    view: Viewpoint,
    left: float,
    right: float,
    top: float,
    colour: tuple[int, int, int],
    *,
    bottom: float = 0.0,
) -> None:
    x0, y0 = view.pixel(left, WALL_Z, top)
    x1, y1 = view.pixel(right, WALL_Z, bottom)
    cv2.rectangle(picture, (round(x0), round(y0)), (round(x1), round(y1)), colour, -1)


def _noise(random: np.random.Generator, view: Viewpoint, cells: int) -> NDArray[np.float64]:
    """Smooth noise of unit scale with about `cells` bumps across the picture."""
    grid = random.normal(size=(max(cells * view.height // view.width, 2), cells))
    return np.asarray(cv2.resize(grid, (view.width, view.height), interpolation=cv2.INTER_CUBIC))
