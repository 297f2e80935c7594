"""One annotated picture: the frame, its heat map and regions, and below it level, risk and sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level
from vad_edge.scoring.regions import Region
from vad_edge.sensors.stream import StreamView

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

MIN_WIDTH = 640
MAX_WIDTH = 960
"""Larger pictures are drawn smaller: at 1080p drawing and encoding cost more than scoring."""
LINE = 26
FONT = cv2.FONT_HERSHEY_SIMPLEX
INK: Colour = (235, 235, 235)
FAINT: Colour = (150, 150, 150)
PAPER: Colour = (32, 30, 28)
LEVEL_COLOURS: Mapping[Level, Colour] = {
    Level.NORMAL: (110, 160, 70),
    Level.WATCH: (60, 190, 220),
    Level.WARNING: (30, 130, 245),
    Level.ALARM: (50, 40, 220),
}
MAX_RISK = 6.0


@dataclass(frozen=True, slots=True)
class Caption:
    """What is written below a picture."""

    camera: str
    time_s: float
    level: Level
    risk: Risk | None
    sensors: Sequence[StreamView]
    note: str = ""


def canvas_size(width: int, height: int, sensors: int, *, max_width: int = MAX_WIDTH) -> tuple[int, int]:
    """Width and height of the annotated picture of a frame, both even as encoders want them."""
    scale = min(max(MIN_WIDTH / width, 1.0), max_width / width)
    rows = 1 + -(-sensors // 2)
    return _even(width * scale), _even(height * scale + LINE * (rows + 1))


def annotate(
    image: Image,
    heat: NDArray[np.float32] | None,
    heat_range: tuple[float, float],
    regions: Sequence[Region],
    caption: Caption,
    *,
    max_width: int = MAX_WIDTH,
) -> Image:
    """The annotated picture, BGR, at most `max_width` wide.

    image: (H, W, 3). heat: (h, w) or None; heat_range gives the values shown as clear and as full. regions
    are in source pixels.
    """
    height, width = image.shape[:2]
    full_width, full_height = canvas_size(width, height, len(caption.sensors), max_width=max_width)
    picture_height = round(height * full_width / width)
    canvas: Image = np.empty((full_height, full_width, 3), np.uint8)
    canvas[picture_height:] = PAPER
    picture = canvas[:picture_height]
    cv2.resize(image, (full_width, picture_height), dst=picture, interpolation=_way(width, full_width))
    if heat is not None:
        _lay_heat(picture, heat, heat_range)
    colour = LEVEL_COLOURS[caption.level]
    scale = full_width / width
    if caption.level > Level.NORMAL:
        for box in regions:
            corner = (round(box.x * scale), round(box.y * scale))
            end = (round((box.x + box.width) * scale), round((box.y + box.height) * scale))
            cv2.rectangle(picture, corner, end, colour, 2, cv2.LINE_AA)
        cv2.rectangle(picture, (0, 0), (full_width - 1, picture_height - 1), colour, 3)
    _write_caption(canvas, picture_height, caption, colour)
    return canvas


def _lay_heat(picture: Image, heat: NDArray[np.float32], span: tuple[float, float]) -> None:
    height, width = picture.shape[:2]
    share = np.clip((heat - span[0]) / max(span[1] - span[0], 1e-6), 0.0, 1.0)
    warm = np.argwhere(share)
    if not len(warm):
        return
    large = cv2.resize(share.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    cells = np.array(share.shape)
    # Warmth reaches into the cells beside a warm one, and no further.
    (top, left), (bottom, right) = (
        np.clip((corner * (height, width)) // cells, 0, (height, width))
        for corner in (warm.min(0) - 1, warm.max(0) + 2)
    )
    picture, large = picture[top:bottom, left:right], large[top:bottom, left:right]
    colours = cv2.applyColorMap((large * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = 0.65 * large
    picture[:] = cv2.blendLinear(picture, colours, 1 - opacity, opacity)


def _way(width: int, full_width: int) -> int:
    """How to scale: averaging is cheap only where whole pixels become one."""
    if full_width >= width:
        return cv2.INTER_CUBIC
    return cv2.INTER_AREA if width % full_width == 0 else cv2.INTER_LINEAR


def _write_caption(canvas: Image, top: int, caption: Caption, colour: Colour) -> None:
    width = canvas.shape[1]
    cv2.rectangle(canvas, (0, top), (width, top + LINE), colour, -1)
    risk = caption.risk.value if caption.risk is not None else 0.0
    _text(canvas, f"{caption.camera}  {caption.time_s:6.1f} s", (8, top + 18), (255, 255, 255))
    _text(canvas, str(caption.level).upper(), (190, top + 18), (255, 255, 255), bold=True)
    _text(canvas, caption.note, (width - 8, top + 18), (255, 255, 255), right=True)

    top += LINE
    _text(canvas, f"risk {risk:4.1f}", (8, top + 18), INK)
    left, right = 100, width // 2 - 10
    cv2.rectangle(canvas, (left, top + 8), (right, top + 18), (70, 68, 66), -1)
    filled = left + round((right - left) * min(risk / MAX_RISK, 1.0))
    cv2.rectangle(canvas, (left, top + 8), (filled, top + 18), colour, -1)
    _text(canvas, _why(caption.risk), (width // 2, top + 18), FAINT)
    for place, sensor in enumerate(caption.sensors):
        row, column = divmod(place, 2)
        _write_sensor(canvas, (8 + column * width // 2, top + LINE * (row + 1) + 16), sensor)


def _write_sensor(canvas: Image, place: tuple[int, int], sensor: StreamView) -> None:
    x, y = place
    lively = sensor.status == "ok" and sensor.surprise > 1.0
    dot = (60, 190, 220) if lively else (110, 160, 70) if sensor.status == "ok" else (110, 110, 110)
    cv2.circle(canvas, (x + 5, y - 5), 5, dot, -1, cv2.LINE_AA)
    _text(canvas, f"{sensor.name}: {sensor_text(sensor)}", (x + 18, y), INK if lively else FAINT)


def sensor_text(sensor: StreamView) -> str:
    """A stream's value as people read it, or why there is none."""
    if sensor.status != "ok" or sensor.value is None:
        return str(sensor.status)
    if sensor.kind == "binary":
        return "on" if sensor.value else "off"
    return f"{sensor.value:.1f} {sensor.unit}".strip()


def _why(risk: Risk | None) -> str:
    if risk is None or risk.value < 0.5:
        return ""
    parts = sorted(risk.shares.items(), key=lambda part: -part[1])[:3]
    return "  ".join(f"{name} {value:.1f}" for name, value in parts if value >= 0.1)


def _text(
    canvas: Image,
    text: str,
    place: tuple[int, int],
    colour: Colour,
    *,
    bold: bool = False,
    right: bool = False,
) -> None:
    if right:
        (width, _), _ = cv2.getTextSize(text, FONT, 0.5, 1)
        place = (place[0] - width, place[1])
    cv2.putText(canvas, text, place, FONT, 0.5, colour, 2 if bold else 1, cv2.LINE_AA)


def _even(length: float) -> int:
    return 2 * round(length / 2)
