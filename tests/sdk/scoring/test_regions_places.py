from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.scoring.regions import Zones, coverage, ignore_weight

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def test_a_mask_takes_the_weight_of_what_lies_in_it() -> None:
    weight = ignore_weight([LEFT], 4, 6)
    assert weight.dtype == np.float32
    assert (weight == [[0, 0, 0, 1, 1, 1]] * 4).all()


def test_a_cell_that_is_barely_touched_counts_on() -> None:
    corner = ((0.0, 0.0), (0.03, 0.0), (0.03, 0.05), (0.0, 0.05))
    assert ignore_weight([corner], 4, 6).all()


def test_without_masks_everything_counts() -> None:
    assert ignore_weight([], 4, 6).all()


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=6))
def test_what_is_covered_is_a_share(polygon: list[tuple[float, float]]) -> None:
    share = coverage([tuple(polygon)], 5, 7)
    assert share.shape == (5, 7)
    assert ((share >= 0.0) & (share <= 1.0)).all()


def test_zones_are_named_where_cells_lie_in_them() -> None:
    zones = Zones({"left": LEFT}, 4, 6)
    cells = np.zeros((4, 6), np.bool_)
    assert zones.of(cells) == ()
    cells[1, 2] = True
    assert zones.of(cells) == ("left",)
