"""Whether a source's pictures have the shape of those the model knows."""

from __future__ import annotations

from typing import Final

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
