from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.evidence.images import PrivacyMasks, blurred, heat_map, jpeg

UPPER_LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))


def test_what_is_under_a_mask_is_black_and_the_rest_stays() -> None:
    image = np.full((100, 200, 3), 77, np.uint8)
    covered = PrivacyMasks([UPPER_LEFT]).burn(image)
    assert not covered[:50, :100].any()
    assert (covered[52:] == 77).all()
    assert (covered[:, 102:] == 77).all()


def test_the_models_own_picture_is_not_touched() -> None:
    image = np.full((100, 200, 3), 77, np.uint8)
    PrivacyMasks([UPPER_LEFT]).burn(image)
    assert (image == 77).all()


def test_without_masks_nothing_is_copied() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    masks = PrivacyMasks()
    assert masks.burn(image) is image
    assert not masks


@given(height=st.integers(8, 300), width=st.integers(8, 300))
def test_a_mask_covers_the_same_part_at_every_resolution(height: int, width: int) -> None:
    masks = PrivacyMasks([UPPER_LEFT])
    for shape in ((height, width, 3), (2 * height, 2 * width, 3)):
        covered = masks.burn(np.full(shape, 9, np.uint8))
        share = np.mean(covered[..., 0] == 0)
        assert share == pytest.approx(0.25, abs=0.16)
        assert not covered[: shape[0] // 2, : shape[1] // 2].any()


def test_two_pictures_that_differ_in_detail_alone_are_the_same_when_blurred() -> None:
    fine = np.zeros((240, 320, 3), np.uint8)
    fine[::2] = 200
    other = np.zeros((240, 320, 3), np.uint8)
    other[1::2] = 200
    assert np.abs(blurred(fine).astype(int) - blurred(other)).max() <= 1
    assert blurred(fine).shape == fine.shape


def test_a_picture_that_is_small_already_is_not_enlarged_on_the_way() -> None:
    image = np.full((6, 8, 3), 50, np.uint8)
    assert (blurred(image) == 50).all()


def test_a_heat_map_has_the_shape_of_the_picture_and_its_peak_where_the_error_is() -> None:
    import cv2

    error_map = np.zeros((10, 20), np.float32)
    error_map[8, 2] = 3.0
    picture = cv2.imdecode(np.frombuffer(heat_map(error_map, 640, 320), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (240, 480)
    y, x = np.unravel_index(int(picture.argmax()), picture.shape)
    assert (x * 20 // 480, y * 10 // 240) == (2, 8)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e30])
def test_an_even_error_map_is_a_dark_picture(value: float) -> None:
    assert heat_map(np.full((3, 4), value, np.float32), 64, 48).startswith(b"\x89PNG")


def test_a_jpeg_is_a_jpeg() -> None:
    assert jpeg(np.zeros((4, 4, 3), np.uint8)).startswith(b"\xff\xd8")
