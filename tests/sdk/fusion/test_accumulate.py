from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.bundle.levels import Accumulation
from vad_edge.fusion.accumulate import FADES_OVER, Accumulator
from vad_edge.fusion.fuse import Risk

KEEP = math.exp(-1.0 / FADES_OVER)


def accumulated(*moments: tuple[float, float], usual: float = 1.0) -> list[float]:
    """What is accumulated of (time, risk) pairs, in blocks of ten seconds."""
    accumulator = Accumulator(Accumulation(block_s=10.0, usual=usual))
    return [accumulator.update(Risk(time_s, value, {"look": value})).value for time_s, value in moments]


def test_frames_of_one_block_count_once_by_their_highest() -> None:
    assert accumulated((0.0, 3.0), (1.0, 3.0), (2.0, 2.0), (9.0, 4.0)) == pytest.approx([2.0, 2.0, 2.0, 3.0])


def test_weak_signs_in_a_row_add_up_and_ordinary_life_does_not() -> None:
    signs = accumulated(*((10.0 * block, 2.0) for block in range(20)))
    assert signs[0] == pytest.approx(1.0)
    assert signs == sorted(signs)
    assert signs[-1] == pytest.approx(1.0 / (1.0 - KEEP), rel=1e-3)
    assert accumulated(*((10.0 * block, 0.9) for block in range(20))) == [0.0] * 20


def test_what_was_accumulated_fades_also_where_no_frame_comes() -> None:
    assert accumulated((0.0, 5.0), (30.0, 1.0)) == pytest.approx([4.0, 4.0 * KEEP**3])


def test_a_clock_that_goes_back_begins_anew() -> None:
    assert accumulated((1000.0, 5.0), (0.0, 2.0)) == pytest.approx([4.0, 1.0])


parts = st.dictionaries(st.sampled_from(["look", "motion", "door"]), st.floats(0, 300), min_size=1)


@given(st.lists(st.tuples(st.floats(0, 40), parts), max_size=40), st.floats(0, 5))
def test_shares_are_never_negative_and_add_up(moments: list[tuple[float, dict]], usual: float) -> None:
    accumulator, time_s = Accumulator(Accumulation(block_s=7.0, usual=usual)), 0.0
    for step, shares in moments:
        time_s += step
        found = accumulator.update(Risk(time_s, math.fsum(shares.values()), shares))
        assert all(share >= 0.0 for share in found.shares.values())
        assert found.value == pytest.approx(math.fsum(found.shares.values()))
        assert found.value <= 300 * 3 / (1.0 - KEEP)
