"""One frame of one camera."""

from __future__ import annotations

from dataclasses import dataclass

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
