from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.video.frame import shape_fault


@pytest.mark.parametrize(
    ("source", "model", "squeezed"),
    [
        ((360, 240), (360, 240), False),
        ((1920, 1080), (392, 216), False),
        ((1280, 720), (392, 216), False),
        ((1280, 960), (392, 216), True),
        ((640, 480), (336, 256), False),
        ((1920, 1080), (336, 256), True),
        ((1080, 1920), (392, 216), True),
        ((1080, 1920), (216, 392), False),
        ((320, 192), (240, 144), False),
        ((640, 512), (1280, 960), False),  # 5:4 is nearly 4:3
        ((1920, 1080), (256, 256), True),
        ((64, 48), (48, 32), False),  # a model so small is rounded that much
        ((0, 0), (392, 216), False),
    ],
)
def test_a_picture_of_clearly_another_shape_is_squeezed(
    source: tuple[int, int], model: tuple[int, int], squeezed: bool
) -> None:
    assert bool(shape_fault(*source, *model)) == squeezed


def test_both_shapes_are_named() -> None:
    assert "1920x1080, are squeezed into the model's 336x256" in shape_fault(1920, 1080, 336, 256)


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(16, 2000), st.integers(16, 2000))
def test_what_is_far_off_is_a_fault_however_the_camera_is_turned(
    width: int, height: int, wide: int, high: int
) -> None:
    if max(width * high, height * wide) > 3 * min(width * high, height * wide):
        assert shape_fault(width, height, wide, high)
        assert shape_fault(height, width, high, wide)
