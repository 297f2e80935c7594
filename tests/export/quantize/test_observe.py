from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vad_edge.errors import DataError
from vad_edge_export.quantize.observe import check_life


def noise(frames: int, top: int = 256) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, top, (frames, 32, 48, 3)).astype(np.uint8)


def test_footage_of_life_passes() -> None:
    check_life([noise(6), noise(6)])


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([np.repeat(noise(1), 40, axis=0), np.repeat(noise(2)[1:], 40, axis=0)], "every frame is the same"),
        ([np.concatenate([noise(5), np.repeat(noise(1), 40, axis=0)])], "only 5 frames differ"),
        ([noise(40, top=8)], "every frame is black"),
    ],
)
def test_footage_that_shows_nothing_is_refused_with_what_would_be_enough(
    sequences: list[NDArray[np.uint8]], message: str
) -> None:
    with pytest.raises(DataError, match=f"{message}.*at least 10 frames differ"):
        check_life(sequences)
