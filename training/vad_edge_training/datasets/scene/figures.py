"""People, cyclists, vehicles and things, drawn in metres and seen through the viewpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge_training.datasets.scene.ground import Viewpoint
from vad_edge_training.datasets.scene.story import Actor, Waypoint

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
Place = tuple[float, float]
"""Metres to the front of a figure and above its feet."""

STRIDE_M = 1.5
FALLING_S = 0.7
SKIN: Colour = (130, 160, 205)
DARK: Colour = (35, 35, 38)
SUBPIXEL_BITS = 4


@dataclass
class Brush:
    """Draws one figure into a picture and into the mask, which holds 255 where an anomaly is in front.

    feet is where the figure stands, in pixels; scale in pixels a metre; tilt in radians, forwards.
    """

    picture: Image
    mask: Image
    feet: Place
    scale: float
    heading: float
    abnormal: bool
    tilt: float = 0.0

    def line(self, points: Sequence[Place], width: float, colour: Colour) -> None:
        """A thick line with round ends, `width` metres wide."""
        thick = max(round(width * self.scale), 1)
        spots = np.array([self._pixel(point) for point in points], np.int32).reshape(-1, 1, 2)
        for image, ink in self._targets(colour):
            cv2.polylines(image, [spots], False, ink, thick, cv2.LINE_AA, SUBPIXEL_BITS)

    def disc(self, centre: Place, radius: float, colour: Colour, *, width: float | None = None) -> None:
        """A filled circle, or a ring `width` metres wide."""
        thick = -1 if width is None else max(round(width * self.scale), 1)
        size = max(round(radius * self.scale * (1 << SUBPIXEL_BITS)), 1)
        for image, ink in self._targets(colour):
            cv2.circle(image, self._pixel(centre), size, ink, thick, cv2.LINE_AA, SUBPIXEL_BITS)

    def area(self, points: Sequence[Place], colour: Colour) -> None:
        """A filled polygon."""
        spots = np.array([self._pixel(point) for point in points], np.int32)
        for image, ink in self._targets(colour):
            cv2.fillPoly(image, [spots], ink, cv2.LINE_AA, SUBPIXEL_BITS)

    def _targets(self, colour: Colour) -> Sequence[tuple[Image, Colour]]:
        return (self.picture, colour), (self.mask, (255,) * 3 if self.abnormal else (0,) * 3)

    def _pixel(self, place: Place) -> tuple[int, int]:
        front, up = place
        turned = front * np.cos(self.tilt) + up * np.sin(self.tilt)
        raised = up * np.cos(self.tilt) - front * np.sin(self.tilt)
        x = self.feet[0] + self.heading * turned * self.scale
        y = self.feet[1] - raised * self.scale
        return round(x * (1 << SUBPIXEL_BITS)), round(y * (1 << SUBPIXEL_BITS))


def draw_shadow(picture: Image, view: Viewpoint, actor: Actor, place: Waypoint) -> None:
    """Darken the ground beside a figure, to the lower right as the light stands."""
    x, y = view.pixel(place.x, place.z)
    scale = view.scale(place.z)
    length = {"vehicle": 1.9, "cyclist": 1.1, "object": 0.25}.get(actor.figure, 0.55) * scale
    centre = (round(x + 0.25 * scale), round(y + 0.05 * scale))
    left, right = round(centre[0] - length - 2), round(centre[0] + length + 3)
    top, bottom = round(centre[1] - 0.3 * scale - 2), round(centre[1] + 0.3 * scale + 3)
    height, width = picture.shape[:2]
    left, right, top, bottom = max(left, 0), min(right, width), max(top, 0), min(bottom, height)
    if left >= right or top >= bottom:
        return
    ground = picture[top:bottom, left:right]
    shade = np.zeros(ground.shape[:2], np.float32)
    axes = (max(round(length), 1), max(round(0.17 * scale), 1))
    cv2.ellipse(shade, (centre[0] - left, centre[1] - top), axes, 0, 0, 360, 0.4, -1, cv2.LINE_AA)
    ground[:] = (ground * (1 - shade[..., None])).astype(np.uint8)


def draw_actor(brush: Brush, actor: Actor, time_s: float) -> None:
    """Draw an actor as it is now; the brush stands at its feet."""
    _FIGURES[actor.figure](brush, actor, time_s)


def _draw_person(brush: Brush, actor: Actor, time_s: float) -> None:
    tall = actor.height
    speed = _speed(actor, time_s)
    brush.tilt = _lying(actor, time_s) + (0.18 if speed > 2.5 else 0.04 if speed > 0.2 else 0.0)
    swing = min(0.22 + 0.13 * speed, 0.75) if speed > 0.2 else 0.06
    phase = 2 * np.pi * actor.travelled(time_s) / STRIDE_M
    upper, lower = actor.colours
    hip, shoulder = (0.0, 0.5 * tall), (0.0, 0.8 * tall)
    for side in (np.pi, 0.0):
        stride = swing * np.sin(phase + side)
        bend = 0.35 * swing * max(np.cos(phase + side), 0.0)
        knee = (0.24 * tall * np.sin(stride), hip[1] - 0.25 * tall * np.cos(stride))
        foot = (knee[0] + 0.25 * tall * np.sin(stride - bend), max(knee[1] - 0.25 * tall, 0.0) + bend * 0.3)
        brush.line((hip, knee, foot), 0.085 * tall, _shaded(lower, 0.8 if side else 1.0))
        arm = -0.8 * stride
        hand = (0.33 * tall * np.sin(arm), shoulder[1] - 0.33 * tall * np.cos(arm))
        if side:
            brush.line((shoulder, hand), 0.06 * tall, _shaded(upper, 0.7))
    brush.line((hip, shoulder), 0.17 * tall, upper)
    brush.line((shoulder, hand), 0.06 * tall, _shaded(upper, 0.85))
    brush.disc((0.02 * tall, 0.92 * tall), 0.075 * tall, SKIN)
    brush.disc((-0.01 * tall, 0.945 * tall), 0.06 * tall, DARK)


def _draw_cyclist(brush: Brush, actor: Actor, time_s: float) -> None:
    upper, lower = actor.colours
    pedals = 2 * np.pi * actor.travelled(time_s) / 4.5
    crank = (0.0, 0.34)
    for wheel in (-0.55, 0.55):
        brush.disc((wheel, 0.34), 0.34, DARK, width=0.06)
    frame = ((-0.55, 0.34), (-0.15, 0.85), (0.42, 0.85), (0.0, 0.34), (-0.15, 0.85))
    brush.line(frame, 0.05, (60, 50, 160))
    brush.line(((0.55, 0.34), (0.42, 0.98), (0.55, 1.02)), 0.05, DARK)
    for side in (np.pi, 0.0):
        pedal = (crank[0] + 0.17 * np.cos(pedals + side), crank[1] - 0.17 * np.sin(pedals + side))
        knee = ((pedal[0] - 0.15) / 2 + 0.25, (pedal[1] + 0.95) / 2 + 0.05)
        brush.line(((-0.15, 0.95), knee, pedal), 0.13, _shaded(lower, 0.8 if side else 1.0))
    brush.line(((-0.15, 0.95), (0.15, 1.45)), 0.28, upper)
    brush.line(((0.15, 1.4), (0.5, 1.05)), 0.1, _shaded(upper, 0.85))
    brush.disc((0.25, 1.66), 0.13, SKIN)
    brush.disc((0.22, 1.71), 0.12, (40, 40, 170))


def _draw_vehicle(brush: Brush, actor: Actor, time_s: float) -> None:
    body, trim = actor.colours
    tall = actor.height
    outline = ((-1.7, 0.35), (-1.7, tall), (0.9, tall), (1.45, 1.1), (1.75, 1.0), (1.75, 0.35))
    brush.area(outline, body)
    brush.area(((0.45, 1.1), (0.45, tall - 0.15), (0.85, tall - 0.15), (1.3, 1.1)), (120, 100, 80))
    brush.line(((-1.7, 0.45), (1.75, 0.45)), 0.12, trim)
    brush.line(((0.4, 0.45), (0.4, tall)), 0.04, _shaded(body, 0.7))
    spin = actor.travelled(time_s) / 0.35
    for wheel in (-1.0, 1.1):
        brush.disc((wheel, 0.35), 0.35, DARK)
        brush.disc((wheel + 0.12 * np.cos(spin), 0.35 - 0.12 * np.sin(spin)), 0.08, (150, 150, 150))


def _draw_object(brush: Brush, actor: Actor, time_s: float) -> None:
    radius = actor.height / 2
    brush.disc((0.0, radius), radius, actor.colours[0])
    spin = actor.travelled(time_s) / radius
    mark = (0.5 * radius * np.cos(spin), radius - 0.5 * radius * np.sin(spin))
    brush.disc(mark, 0.35 * radius, (230, 230, 230))


_FIGURES: dict[str, Callable[[Brush, Actor, float], None]] = {
    "person": _draw_person,
    "cyclist": _draw_cyclist,
    "vehicle": _draw_vehicle,
    "object": _draw_object,
}


def _lying(actor: Actor, time_s: float) -> float:
    """How far a person has fallen over, radians."""
    if actor.falls_s is None or actor.rises_s is None:
        return 0.0
    moments = [actor.falls_s, actor.falls_s + FALLING_S, actor.rises_s, actor.rises_s + 2 * FALLING_S]
    return float(np.interp(time_s, moments, [0.0, 1.45, 1.45, 0.0]))


def _speed(actor: Actor, time_s: float) -> float:
    before, after = time_s - 0.1, time_s + 0.1
    return (actor.travelled(after) - actor.travelled(before)) / 0.2


def _shaded(colour: Colour, share: float) -> Colour:
    return tuple(round(value * share) for value in colour)  # type: ignore[return-value]
