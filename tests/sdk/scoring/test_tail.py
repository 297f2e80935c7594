from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge.errors import DataError
from vad_edge.scoring.tail import MAX_SURPRISE, fit_tail, score_surprise, tail_surprise

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
samples = st.lists(finite, min_size=20, max_size=200)


def test_surprise_is_minus_log10_of_the_chance_on_exponential_footage() -> None:
    scores = np.random.default_rng(0).exponential(3.0, 200_000)
    tail = fit_tail(scores)
    for chance in (0.5, 0.1, 0.01, 1e-4):
        score = -3.0 * math.log(chance)
        assert tail_surprise(tail, score) == pytest.approx(-math.log10(chance), rel=0.03)


@given(samples, st.lists(finite, min_size=2, max_size=20))
def test_a_surprise_never_falls_and_stays_finite(normal: list[float], scores: list[float]) -> None:
    surprises = tail_surprise(fit_tail(normal), sorted(scores))
    assert np.all((surprises >= 0.0) & (surprises <= MAX_SURPRISE))
    assert np.all(np.diff(surprises) >= -1e-9)


@given(samples, finite)
def test_one_score_gets_what_an_array_of_scores_gets(normal: list[float], score: float) -> None:
    tail = fit_tail(normal)
    for value in (score, *tail.scores[::9]):
        assert score_surprise(tail, value) == pytest.approx(float(tail_surprise(tail, value)), abs=1e-9)


def test_a_score_that_never_varies_is_ordinary_and_its_noise_no_alarm() -> None:
    tail = fit_tail([5.0] * 50)
    assert tail_surprise(tail, 5.0) == 0.0
    assert tail_surprise(tail, 5.0 + 1e-5) < 1.1
    assert tail_surprise(tail, 6.0) > 4.0


def test_small_units_do_not_flatten_the_tail() -> None:
    scores = np.random.default_rng(1).exponential(1.0, 5_000)
    assert tail_surprise(fit_tail(scores * 1e-9), 6e-9) == pytest.approx(
        tail_surprise(fit_tail(scores), 6.0), rel=1e-6
    )


def test_too_few_scores_are_refused_with_both_numbers() -> None:
    with pytest.raises(DataError, match="3 finite scores are too few to calibrate on, 20 are needed"):
        fit_tail([1.0, 2.0, math.nan, math.inf, 3.0])
