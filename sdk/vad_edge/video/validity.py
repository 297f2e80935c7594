"""Whether a frame may be scored at all: black, frozen, or the first one after a cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Reason = Literal["", "black", "frozen", "cut"]

BLACK_LEVEL = 12.0
"""Grey level that 99 % of a black frame stay below."""
FROZEN_FRAMES = 25
"""Identical frames in a row that make a frozen stream: a sensor has noise, so a living one never repeats."""
CUT_DIFFERENCE = 24.0
"""Mean absolute grey level between thumbnails, each about its own mean, that a cut exceeds."""
CUT_LIKENESS = 0.4
"""Correlation between thumbnails that a cut falls below; light changes and passers-by stay above."""

_THUMBNAIL = (32, 18)


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether a frame may be scored. After a cut it may, by a model that starts anew."""

    ok: bool
    reason: Reason = ""
    detail: str = ""


VALID = Validity(True)


class ValidityCheck:
    """Looks at one camera's frames in order; keeps a thumbnail and a sample of the last one."""

    def __init__(self) -> None:
        self._thumbnail: NDArray[np.float32] | None = None
        self._sample: NDArray[np.uint8] | None = None
        self._repeats = 0

    def check(self, image: NDArray[np.uint8]) -> Validity:
        """The verdict on the next frame, uint8 (H, W, 3)."""
        sample = image[::8, ::8, 1]
        repeated = self._sample is not None and np.array_equal(sample, self._sample)
        self._repeats = self._repeats + 1 if repeated else 0
        if not repeated:
            self._sample = sample.copy()
        brightest = float(np.partition(sample.ravel(), -1 - sample.size // 100)[-1 - sample.size // 100])
        if brightest < BLACK_LEVEL:
            self._thumbnail = None
            return Validity(False, "black", f"99 % of the picture are darker than {BLACK_LEVEL:.0f}")
        if self._repeats >= FROZEN_FRAMES:
            return Validity(False, "frozen", f"{self._repeats} identical frames")
        if repeated:
            return VALID
        before, self._thumbnail = self._thumbnail, _thumbnail(image)
        return VALID if before is None else cut_verdict(before, self._thumbnail)


def cut_verdict(before: NDArray[np.float32], now: NDArray[np.float32]) -> Validity:
    """Whether two thumbnails, each with its mean taken off, show different scenes."""
    difference = float(np.abs(now - before).mean())
    if difference < CUT_DIFFERENCE:
        return VALID
    scale = float(np.linalg.norm(before) * np.linalg.norm(now))
    likeness = float((before * now).sum()) / scale if scale > 0 else 0.0
    if likeness >= CUT_LIKENESS:
        return VALID
    return Validity(True, "cut", f"correlation {likeness:.2f} with the frame before")


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(image[::2, ::2, 1], _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    centred: NDArray[np.float32] = small - small.mean()
    return centred
