from __future__ import annotations

import logging

import numpy as np
import pytest

from vad_edge.bundle.calibration import Calibration
from vad_edge.errors import BundleError, DataError
from vad_edge.scoring.scorer import Scorer
from vad_edge.scoring.tail import fit_calibration, tail_surprise

CUES = ("appearance", "motion")


def dependent_scores(count: int) -> np.ndarray:
    """Two cues that always move together."""
    first = np.random.default_rng(2).exponential(1.0, count)
    return np.stack([first, 10.0 * first], axis=1)


@pytest.fixture
def calibration() -> Calibration:
    return fit_calibration(dependent_scores(20_000), CUES, fps=10.0, footage=("ab",))


def test_dependent_cues_are_not_counted_twice(calibration: Calibration) -> None:
    surprise = Scorer(calibration, CUES).surprise(1.0, np.array([7.0, 70.0], np.float32))
    assert surprise.cues["appearance"] == pytest.approx(surprise.cues["motion"], rel=1e-4)
    assert surprise.total == pytest.approx(surprise.cues["motion"], rel=0.1)


def test_the_total_is_rare_as_often_as_it_says(calibration: Calibration) -> None:
    scorer = Scorer(calibration, CUES)
    totals = np.array([scorer.surprise(0.0, row).total for row in dependent_scores(5_000)])
    assert np.mean(totals >= 2.0) == pytest.approx(0.01, abs=0.005)


def test_live_surprises_are_those_of_the_arrays(calibration: Calibration) -> None:
    rows = dependent_scores(50)
    scorer = Scorer(calibration, CUES)
    live = [scorer.surprise(0.0, row).cues["motion"] for row in rows]
    np.testing.assert_allclose(live, tail_surprise(calibration.cues["motion"], rows[:, 1]), atol=1e-9)


def test_cues_may_stand_in_another_order_than_in_the_calibration(calibration: Calibration) -> None:
    surprise = Scorer(calibration, ("motion", "appearance")).surprise(0.0, np.array([70.0, 7.0]))
    assert list(surprise.cues) == ["motion", "appearance"]
    assert surprise.cues["motion"] == pytest.approx(surprise.cues["appearance"], rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_refused(calibration: Calibration, bad: float) -> None:
    with pytest.raises(ValueError, match=r"the score at 2\.500 s is not finite"):
        Scorer(calibration, CUES).surprise(2.5, np.array([1.0, bad]))


def test_a_calibration_without_a_cue_of_the_model_is_refused(calibration: Calibration) -> None:
    with pytest.raises(BundleError, match="no cue background, only appearance, motion; calibrate again"):
        Scorer(calibration, ("motion", "background"))


def test_frames_without_a_score_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    scores = dependent_scores(100)
    scores[:4, 0] = np.nan
    with caplog.at_level(logging.INFO):
        fitted = fit_calibration(scores, CUES, fps=8.0)
    assert (fitted.frames, fitted.seconds) == (96, 12.0)
    assert "leaves out 4 of 100 frames" in caplog.text


def test_a_calibration_survives_json(calibration: Calibration) -> None:
    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration


def test_columns_that_do_not_fit_the_cues_are_refused() -> None:
    with pytest.raises(DataError, match=r"shape \(100, 2\) do not fit the 1 cues motion"):
        fit_calibration(dependent_scores(100), ("motion",), fps=10.0)
