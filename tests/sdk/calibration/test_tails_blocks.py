from __future__ import annotations

import numpy as np
import pytest
from tests.support.normal_scores import scores

from vad_edge.calibration.tails import (
    LONGEST_BLOCK_S,
    MIN_BLOCKS,
    SHORTEST_BLOCK_S,
    block_maxima,
    correlation_time,
)


@pytest.mark.parametrize("memory_s", [1.0, 4.0])
def test_the_correlation_time_is_that_of_the_scores(memory_s: float) -> None:
    column = scores(3600, memory_s=memory_s)[:, 0]
    assert correlation_time([column], 5.0) == pytest.approx(memory_s, rel=0.35)


def test_a_few_huge_scores_do_not_shorten_it() -> None:
    column = scores(1800, memory_s=4.0)[:, 0]
    spiked = column.copy()
    spiked[::997] = 1e6
    assert correlation_time([spiked], 5.0) == pytest.approx(correlation_time([column], 5.0), rel=0.2)


def test_noise_gets_the_shortest_block_and_a_drift_the_longest() -> None:
    noise = np.random.default_rng(0).random(20_000)
    assert correlation_time([noise], 5.0) == SHORTEST_BLOCK_S
    assert correlation_time([np.arange(20_000.0)], 5.0) == LONGEST_BLOCK_S


def test_short_footage_keeps_enough_blocks() -> None:
    assert correlation_time([np.arange(500.0)], 5.0) == 100.0 / MIN_BLOCKS


def test_scores_that_never_change_have_no_memory() -> None:
    assert correlation_time([np.ones(500)], 5.0) == SHORTEST_BLOCK_S


def test_every_block_gives_its_maximum_and_no_block_reaches_beyond_its_stretch() -> None:
    stretch = np.array([1.0, 3, 2, 5, 4, 4, 9])
    assert block_maxima(stretch, 1.0, 3.0).tolist() == [3.0, 5.0]


def test_blocks_without_a_score_are_left_out() -> None:
    nan = np.nan
    assert block_maxima(np.array([nan, 1.0, nan, nan, nan, 3.0, 2.0, nan]), 1.0, 2.0).tolist() == [
        1.0,
        3.0,
        2.0,
    ]


def test_a_stretch_shorter_than_a_block_gives_nothing() -> None:
    assert block_maxima(np.array([1.0]), 1.0, 2.0).shape == (0,)
