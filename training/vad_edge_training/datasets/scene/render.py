"""Frames of a story as a camera would give them: light that changes, a mast that sways, a noisy sensor."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge_training.datasets.scene.figures import Brush, draw_actor, draw_shadow
from vad_edge_training.datasets.scene.ground import Viewpoint, draw_door, draw_ground
from vad_edge_training.datasets.scene.story import Story

Image = NDArray[np.uint8]

FINER = 2
"""Pictures are drawn this much larger and averaged down, for smooth edges."""
NOISE_LEVELS = 2.0
SWAY_PIXELS = 0.25


def render(
    story: Story, *, height: int, width: int, fps: float, seed: int, ground_seed: int = 0
) -> Iterator[tuple[Image, NDArray[np.bool_]]]:
    """The frames of a story, uint8 (H, W, 3) BGR, each with its mask of abnormal pixels, bool (H, W).

    seed moves light, sway and noise; ground_seed makes another place of the scene. The same arguments render
    the same frames.
    """
    random = np.random.default_rng(seed)
    view = Viewpoint(width * FINER, height * FINER)
    ground = draw_ground(view, ground_seed)
    phases = random.uniform(0, 2 * np.pi, 3)
    sway = np.zeros(2)
    for index in range(round(story.length_s * fps)):
        time_s = index / fps
        picture, mask = _draw(story, time_s, view, ground)
        sway = 0.8 * sway + random.normal(0, 0.6 * SWAY_PIXELS, 2)
        yield _expose(picture, mask, (width, height), _light(time_s, phases), sway, random)


def _draw(story: Story, time_s: float, view: Viewpoint, ground: Image) -> tuple[Image, Image]:
    picture = ground.copy()
    mask = np.zeros_like(picture)
    draw_door(picture, view, is_open=door_is_open(story, time_s))
    there = [
        (number, actor, place)
        for number, actor in enumerate(story.actors)
        if (place := actor.at(time_s)) is not None
    ]
    for _, actor, place in there:
        draw_shadow(picture, view, actor, place)
    for number, actor, place in sorted(there, key=lambda each: -each[2].z):
        feet = view.pixel(place.x, place.z, place.up)
        abnormal = story.is_abnormal(number, time_s)
        brush = Brush(picture, mask, feet, view.scale(place.z), actor.heading(time_s), abnormal)
        draw_actor(brush, actor, time_s)
    return picture, mask


def door_is_open(story: Story, time_s: float) -> bool:
    """Whether the building's door stands open."""
    return any(
        cue.sensor == "door" and cue.time_s <= time_s <= cue.time_s + cue.duration_s for cue in story.cues
    )


def _light(time_s: float, phases: NDArray[np.float64]) -> float:
    """Slow clouds: the exposure against the mean."""
    return float(
        1.0
        + 0.04 * np.sin(2 * np.pi * time_s / 53 + phases[0])
        + 0.02 * np.sin(2 * np.pi * time_s / 17 + phases[1])
    )


def _expose(
    picture: Image,
    mask: Image,
    size: tuple[int, int],
    light: float,
    sway: NDArray[np.float64],
    random: np.random.Generator,
) -> tuple[Image, NDArray[np.bool_]]:
    shift = np.array([[1.0, 0.0, sway[0] * FINER], [0.0, 1.0, sway[1] * FINER]])
    moved = (
        cv2.warpAffine(image, shift, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        for image in (picture, mask[..., 0])
    )
    seen, marked = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in moved)
    noise = random.standard_normal(seen.shape, np.float32) * NOISE_LEVELS
    frame = np.clip(seen * light + noise, 0, 255).astype(np.uint8)
    return frame, np.asarray(marked > 127)
