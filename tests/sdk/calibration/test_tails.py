from __future__ import annotations

import numpy as np
import pytest
from tests.support.normal_scores import CUES, scores

from vad_edge.calibration.tails import MIN_MAXIMA, block_maxima, fit_block_tail, fit_tails
from vad_edge.errors import DataError
from vad_edge.scoring.tail import score_surprise, tail_surprise


def test_a_surprise_is_how_rarely_a_block_s_maximum_is_as_high() -> None:
    taught, other = (scores(4 * 3600, seed=seed)[:, 0] for seed in (1, 2))
    tail = fit_block_tail(block_maxima(taught, 5.0, 2.0), np.random.default_rng(0))
    unseen = block_maxima(other, 5.0, 2.0)
    for chance in (0.3, 0.1, 0.01, 0.002):
        share = np.mean(tail_surprise(tail, unseen) >= -np.log10(chance))
        assert share == pytest.approx(chance, rel=0.5)


def test_cues_that_rise_together_count_once() -> None:
    rows = scores(3 * 3600, seed=3)
    twice = np.stack([rows[:, 0], rows[:, 0]], axis=1)
    calibration = fit_tails([twice], CUES, fps=5.0, block_s=2.0)
    high = float(np.quantile(rows[:, 0], 0.9995))
    own = score_surprise(calibration.cues["look"], high)
    assert score_surprise(calibration.total, 2 * own) == pytest.approx(own, rel=0.1)


def test_a_calibration_says_what_it_rests_on() -> None:
    rows = scores(600)
    rows[:100] = np.nan
    calibration = fit_tails([rows], CUES, fps=5.0, block_s=2.0, footage=["a" * 64])
    assert (calibration.frames, calibration.seconds, calibration.block_s) == (2900, 580.0, 2.0)
    assert calibration.footage == ("a" * 64,)


def test_the_surprise_of_a_frame_needs_no_scipy_and_no_arrays() -> None:
    rows = scores(3600)
    tail = fit_tails([rows], CUES, fps=5.0, block_s=2.0).cues["look"]
    for value in np.quantile(rows[:, 0], [0.1, 0.9, 0.999, 1.0]).tolist():
        assert score_surprise(tail, 3 * value) == pytest.approx(float(tail_surprise(tail, 3 * value)))


def test_too_few_blocks_are_refused_with_both_numbers() -> None:
    with pytest.raises(DataError, match=f"has 5 independent moments with a score, {MIN_MAXIMA} are needed"):
        fit_block_tail(np.arange(5.0), np.random.default_rng(0))


def test_a_score_that_never_varies_is_ordinary() -> None:
    tail = fit_block_tail(np.full(40, 7.0), np.random.default_rng(0))
    assert score_surprise(tail, 7.0) == 0.0
    assert score_surprise(tail, 8.0) > 4.0
