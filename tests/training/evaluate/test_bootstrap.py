from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from vad_edge_training.evaluate.bootstrap import _auc, paired_difference

RANDOM = np.random.default_rng(1)
TRUTH = [np.arange(600) % 200 >= 120 for _ in range(3)]
SHARP = [flags + RANDOM.normal(0.0, 0.3, 600) for flags in TRUTH]
BLUNT = [flags + RANDOM.normal(0.0, 1.5, 600) for flags in TRUTH]


def test_the_quick_area_is_the_exact_one() -> None:
    scores, labels = np.round(np.concatenate(BLUNT), 1), np.concatenate(TRUTH)
    assert _auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_a_better_score_is_better_beyond_chance() -> None:
    found = paired_difference(SHARP, BLUNT, TRUTH, fps=10.0)
    assert 0.1 < found.low < found.auc < found.high < 0.5


def test_a_score_is_not_better_than_itself() -> None:
    found = paired_difference(SHARP, SHARP, TRUTH, fps=10.0)
    assert (found.auc, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_is_wider_where_frames_show_the_same() -> None:
    slow, other = ([np.repeat(RANDOM.normal(flags[::100], 1.0), 100) for flags in TRUTH] for _ in range(2))
    found = paired_difference(slow, other, TRUTH, fps=10.0)
    quick, third = ([RANDOM.normal(flags, 1.0) for flags in TRUTH] for _ in range(2))
    noise = paired_difference(quick, third, TRUTH, fps=10.0)
    assert found.high - found.low > 2 * (noise.high - noise.low)


def test_blocks_of_one_kind_alone_are_drawn_again() -> None:
    truth = [np.array([True] * 100 + [False] * 100)]
    scores = [np.r_[np.ones(100), np.zeros(100)]]
    found = paired_difference(scores, [-scores[0]], truth, fps=10.0)
    assert found.low == found.high == pytest.approx(1.0)


def test_frames_of_one_kind_alone_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="all frames are of one kind"):
        paired_difference([SHARP[0]], [BLUNT[0]], [np.ones(600, np.bool_)], fps=10.0)
