from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.video.frame import resize_into

_sides = st.integers(1, 80)


@given(height=_sides, width=_sides, seed=st.integers(0, 9))
def test_pixels_are_those_of_bilinear_and_land_in_one_row_of_a_batch(
    height: int, width: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    batch = np.full((3, 24, 32, 3), 7, np.uint8)
    resize_into(image, batch[1])
    np.testing.assert_array_equal(batch[1], cv2.resize(image, (32, 24), interpolation=cv2.INTER_LINEAR))
    assert (batch[[0, 2]] == 7).all()


def test_a_cut_out_of_a_larger_picture_is_resized_too() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    out, expected = np.zeros((2, 24, 32, 3), np.uint8)
    resize_into(image[5:41, 7:55], out)
    resize_into(image[5:41, 7:55].copy(), expected)
    np.testing.assert_array_equal(out, expected)
