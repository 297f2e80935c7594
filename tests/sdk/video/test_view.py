from __future__ import annotations

import numpy as np
import pytest
from tests.support.room import live, room, shifted

from vad_edge.video.scene import LEAST_STEP, FrameStatistics, Image, Looker, Scene


def statistics(image: Image, noise: int) -> FrameStatistics:
    looker = Looker()
    found = looker.look(live(image, noise))
    looker.finish(found)
    return found


def learned(looks: int) -> Scene:
    view = Scene()
    for n in range(looks):
        view.learn(statistics(room(), n), 1.0 / (n + 1))
    return view


def test_small_steps_wait_until_they_add_up() -> None:
    view, seen = learned(12), statistics(room(2), 50)
    view.known = True
    before = view.edges.copy()
    for _ in range(3):
        view.learn(seen, 0.3 * LEAST_STEP)
        assert np.array_equal(view.edges, before)
    view.learn(seen, 0.3 * LEAST_STEP)
    assert np.allclose(view.edges - before, 1.2 * LEAST_STEP * (seen.edges - before), atol=1e-3)


def test_how_consistent_a_view_is_does_not_wait() -> None:
    view = learned(12)
    view.known = True
    before = view.consistent
    view.learn(statistics(room(2), 50), 0.1 * LEAST_STEP)
    assert view.consistent < before


def test_a_scene_that_has_moved_is_told_where_it_has_gone() -> None:
    view = learned(12)
    assert view.judge(statistics(room(), 50)) == ("same", "", {})
    assert view.judge(statistics(shifted(room(), 0.25), 50)) == (
        "moved",
        "the scene lies +25 % across and +0 % down from where it was",
        {"right_percent": 25.0, "down_percent": 0.0},
    )


def test_a_view_from_a_pack_is_known_and_is_not_learned_again() -> None:
    before = learned(12)
    view = Scene.remembered(before.edges, before.light, before.sharpness)
    assert (view.known, view.recognisable) == (True, True)
    view.learn(statistics(room(2), 0), 0.01)
    assert np.abs(view.edges - before.edges).max() < 0.02 * np.abs(before.edges).max() + 1.0
    assert 0.85 < view.consistent < 1.0


def test_edges_of_another_size_are_no_view() -> None:
    with pytest.raises(ValueError, match="edges of shape"):
        Scene.remembered(np.zeros((3, 4), np.float32), 100.0, 1.0)
