from __future__ import annotations

import numpy as np
import pytest

from vad_edge_export.quantize.gate import correlation

MOVING = np.random.default_rng(0).random(50)


def test_scores_that_follow_correlate() -> None:
    assert correlation(MOVING, 2 * MOVING + 1) == pytest.approx(1.0)


def test_scores_that_do_not_move_any_more_do_not_follow() -> None:
    assert correlation(MOVING, np.full(50, 3.0)) == 0.0
