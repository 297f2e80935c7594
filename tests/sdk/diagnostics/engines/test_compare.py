from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vad_edge.bundle.manifest import Precision
from vad_edge.diagnostics.engines.compare import Trace, compare, near_enough, relative_error

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.random((50, 2, 3)) + 1.0
STATE = RANDOM.random((2, 8)).astype(np.float32)


def trace(scores: NDArray[np.float64] = SCORES, state: float = 0.0, maps: float = 0.0) -> Trace:
    return Trace(scores, np.full((2, 4), 1.0 + maps), {"features": STATE * (1.0 + state)})


def test_a_run_is_like_itself() -> None:
    comparison = compare(trace(), trace())
    assert comparison.score_correlation == pytest.approx(1.0)
    assert (comparison.score_error, comparison.max_abs_diff, comparison.error_map_error) == (0.0, 0.0, 0.0)
    assert comparison.state_error == {"features": 0.0}
    assert near_enough(comparison, "fp32").ok


@pytest.mark.parametrize(
    ("precision", "off", "ok"),
    [
        ("fp32", 0.0005, True),
        ("fp32", 0.002, False),
        ("fp16", 0.005, True),
        ("fp16", 0.02, False),
        ("int8", 0.05, True),
        ("int8", 0.2, False),
    ],
)
def test_each_precision_may_be_off_by_so_much(precision: Precision, off: float, ok: bool) -> None:
    for mine in (trace(SCORES * (1 + off)), trace(state=off), trace(maps=off)):
        assert near_enough(compare(mine, trace()), precision).ok is ok


def test_scores_that_go_their_own_way_are_refused() -> None:
    small = 1.0 + 1e-4 * (SCORES - 1.0)
    comparison = compare(trace(1.0 + 1e-4 * RANDOM.random(SCORES.shape)), trace(small))
    assert comparison.score_error < 0.001
    verdict = near_enough(comparison, "fp32")
    assert "correlate by" in verdict.reason


def test_one_wrong_camera_or_cue_is_enough() -> None:
    wrong = SCORES.copy()
    wrong[:, 1, 2] *= 1.5
    comparison = compare(trace(wrong), trace())
    assert comparison.score_error == pytest.approx(0.5)
    assert near_enough(comparison, "int8").reason == "it is off by 50.00% in its scores, more than 10.0%"


def test_values_that_are_no_numbers_are_refused() -> None:
    assert not near_enough(compare(trace(SCORES * np.nan), trace()), "int8").ok
    assert not near_enough(compare(trace(state=np.nan), trace()), "int8").ok


def test_scores_that_never_move_have_no_correlation() -> None:
    still = np.ones((50, 1, 1))
    assert compare(Trace(still, still, {}), Trace(still, still, {})).score_correlation is None


def test_an_engine_that_stands_still_where_scores_move_does_not_correlate() -> None:
    assert compare(trace(np.ones_like(SCORES)), trace()).score_correlation == 0.0


def test_the_first_steps_may_be_left_out() -> None:
    wrong = SCORES.copy()
    wrong[:5] = 100.0
    assert compare(trace(wrong), trace(), skip=5).score_error == 0.0


@pytest.mark.parametrize(
    ("found", "right", "error"), [([0.0], [0.0], 0.0), ([1.0], [0.0], 1.0), ([1.0], [2.0], 0.5)]
)
def test_errors_are_in_parts_of_what_is_right(found: list[float], right: list[float], error: float) -> None:
    assert relative_error(np.array(found), np.array(right)) == error
