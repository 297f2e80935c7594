from __future__ import annotations

import numpy as np
import pytest
from tests.support.room import live, room, with_person

from vad_edge.video.glance import Glance, Image, Looker
from vad_edge.video.view import View


def glance(image: Image, noise: int) -> Glance:
    looker = Looker()
    found = looker.look(live(image, noise))
    looker.finish(found)
    return found


def learned(looks: int) -> View:
    view = View()
    for n in range(looks):
        view.learn(glance(room(), n), 1.0 / (n + 1))
    return view


@pytest.mark.parametrize("image", [room(), room(2), with_person(room(), 20)])
def test_learning_with_the_agreement_that_was_found_is_learning_without(image: Image) -> None:
    seen = glance(image, 50)
    one, other = learned(12), learned(12)
    one.learn(seen, 0.1)
    other.learn(seen, 0.1, other.agreement(seen).own)
    assert one.consistent == pytest.approx(other.consistent, abs=1e-6)
    assert np.allclose(one.edges, other.edges, rtol=1e-5, atol=1e-3)


def test_a_view_from_a_pack_is_known_and_is_not_learned_anew() -> None:
    before = learned(12)
    view = View.remembered(before.edges, before.light, before.sharpness)
    assert (view.known, view.recognisable) == (True, True)
    view.learn(glance(room(2), 0), 0.01)
    assert np.abs(view.edges - before.edges).max() < 0.02 * np.abs(before.edges).max() + 1.0
    assert 0.85 < view.consistent < 1.0


def test_edges_of_another_size_are_no_view() -> None:
    with pytest.raises(ValueError, match="edges of shape"):
        View.remembered(np.zeros((3, 4), np.float32), 100.0, 1.0)
