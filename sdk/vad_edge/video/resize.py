"""The one resize: training, calibration and the board must see the same pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def resize_into(image: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write `image`, uint8 (H, W, 3), into `out`, uint8 (h, w, 3) and contiguous, without another copy.

    Bilinear: area averaging looks a little better and costs forty times as much.
    """
    height, width = out.shape[:2]
    if image.shape == out.shape:
        np.copyto(out, image)
    else:
        cv2.resize(image, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)
