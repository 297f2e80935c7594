"""One frame of one camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded image and when it was taken.

    index counts the source's frames from 0, dropped ones included. time_s is run-clock seconds.
    image is uint8 (H, W, 3), BGR; it belongs to whoever holds the frame, nobody writes into it later.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8]


def resize_into(image: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write `image`, uint8 (H, W, 3), into `out`, uint8 (h, w, 3) and contiguous, without another copy.

    Bilinear: area averaging looks a little better and costs forty times as much.
    """
    height, width = out.shape[:2]
    if image.shape == out.shape:
        np.copyto(out, image)
    else:
        cv2.resize(image, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)


SHAPE_FIX: Final = (
    "train a model on this camera's own footage, or crop it to that shape: in the camera, or with videocrop"
    " in a gst: source"
)

_TOLERATED = 1.1
"""What differs by less is not clearly of another shape: 5:4 and 4:3, 5:3 and 16:9."""
_FOLD = 16
"""The coarsest multiple that the sides of a model's input are rounded to, a quarter up and the rest down."""


def shape_fault(width: int, height: int, model_width: int, model_height: int) -> str:
    """What a model gets of pictures of another shape, in words; empty where they have its own.

    All are pixels. A model has its footage's shape up to rounding, which is never a fault. A source that does
    not say how large its pictures are, with 0, has none.
    """
    if not width or not height:
        return ""
    shape, own = width / height, model_width / model_height
    narrowest = (model_width - 0.25 * _FOLD) / (model_height + 0.75 * _FOLD)
    widest = (model_width + 0.75 * _FOLD) / (model_height - 0.25 * _FOLD)
    if min(narrowest, own / _TOLERATED) <= shape <= max(widest, own * _TOLERATED):
        return ""
    return (
        f"its pictures, {width}x{height}, are squeezed into the model's {model_width}x{model_height}:"
        " scores mean less, unless the model was trained on such pictures"
    )
