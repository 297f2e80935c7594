from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.support.room import live, room

from vad_edge.video.scene import Looker


@pytest.mark.parametrize("times", [1, 3, 5, 15])
def test_the_sample_is_pixels_at_even_distances(times: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (72 * times, 128 * times, 3)).astype(np.uint8)
    assert np.array_equal(Looker().look(image).sample, image[::times, ::times])


@pytest.mark.parametrize(("height", "width"), [(240, 320), (181, 323), (50, 70), (1, 1)])
def test_frames_of_any_size_are_looked_at(height: int, width: int) -> None:
    looker = Looker()
    found = looker.look(np.full((height, width, 3), (10, 50, 30), np.uint8))
    looker.finish(found)
    assert (found.light, found.colour, found.sharpness) == (39.0, 40.0, 0.0)
    assert not found.edges.any()


def test_colour_is_the_mean_distance_of_the_largest_and_the_smallest_channel() -> None:
    stats = Looker().look(np.random.default_rng(0).integers(0, 256, (72, 128, 3)).astype(np.uint8))
    small = cv2.resize(stats.sample, (64, 36), interpolation=cv2.INTER_AREA).astype(float)
    assert stats.colour == pytest.approx((small.max(axis=2) - small.min(axis=2)).mean())


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
    assert np.allclose(found.pattern, expected.pattern, rtol=1e-4, atol=1e-5)
    assert found.sharpness == pytest.approx(expected.sharpness, rel=1e-5)
    assert not np.allclose(found.edges, other.edges, atol=1.0)
