from __future__ import annotations

import numpy as np
import pytest
from tests.support.room import live, room

from vad_edge.video.glance import Looker


@pytest.mark.parametrize(("height", "width", "step"), [(240, 320, 2), (181, 323, 2), (50, 70, 1)])
def test_the_sample_is_every_nth_pixel_of_each_channel(height: int, width: int, step: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert np.array_equal(Looker().look(image).sample, image[::step, ::step])


def test_a_look_can_still_be_finished_after_the_next_one() -> None:
    first, second = live(room(), 0), live(room(2), 1)
    alone, both = Looker(), Looker()
    expected = alone.look(first)
    alone.finish(expected)
    found, other = both.look(first), both.look(second)
    both.finish(other)
    both.finish(found)
    # Where a buffer lies in memory changes the last bit of OpenCV's magnitude.
    assert np.allclose(found.edges, expected.edges, rtol=1e-5, atol=1e-4)
    assert found.sharpness == pytest.approx(expected.sharpness, rel=1e-5)
    assert not np.allclose(found.edges, other.edges, atol=1.0)
