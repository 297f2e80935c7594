from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vad_edge.scoring.regions import Region, find_regions


def error_map() -> np.ndarray:
    return np.zeros((16, 24), np.float32)


def test_a_patch_becomes_a_box_in_source_pixels() -> None:
    error = error_map()
    error[4:6, 10:13] = 0.5
    error[5, 11] = 0.9
    found = find_regions(error, floor=0.1, width=240, height=320)
    assert found == [Region(x=100, y=80, width=30, height=40, strength=float(np.float32(0.9)))]


def test_patches_close_together_are_one_and_distant_ones_are_not() -> None:
    error = error_map()
    error[2, 2] = error[2, 5] = 1.0
    error[12, 20] = 2.0
    found = find_regions(error, floor=0.1, width=24, height=16)
    assert [(box.x, box.width) for box in found] == [(20, 1), (2, 4)]


def test_only_the_strongest_are_kept() -> None:
    error = error_map()
    error[::5, ::5] = np.arange(20).reshape(4, 5) + 1.0
    found = find_regions(error, floor=0.1, width=24, height=16, limit=3)
    assert [box.strength for box in found] == [20.0, 19.0, 18.0]


def test_nothing_above_the_floor_gives_nothing() -> None:
    assert find_regions(np.full((4, 4), np.nan, np.float32), floor=0.1, width=9, height=9) == []
    assert find_regions(error_map(), floor=0.0, width=24, height=16) == []


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.floats(0, 9, width=32)),
    st.integers(20, 4000),
    st.integers(20, 4000),
)
def test_boxes_lie_inside_the_picture(error: np.ndarray, width: int, height: int) -> None:
    for box in find_regions(error, floor=1.0, width=width, height=height):
        assert 0 <= box.x < box.x + box.width <= width
        assert 0 <= box.y < box.y + box.height <= height
        assert box.strength > 1.0
