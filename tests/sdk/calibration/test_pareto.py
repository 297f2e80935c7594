from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import genpareto

from vad_edge.calibration.pareto import (
    MAX_SHAPE,
    SURPRISE_SCALE,
    Pareto,
    fit_pareto,
    fit_surprises,
    goodness_of_fit,
)


@pytest.mark.parametrize("shape", [0.1, 0.3, 0.8])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_fit_is_the_most_likely_one_in_any_unit(shape: float, unit: float) -> None:
    values = genpareto.rvs(shape, scale=2.0, size=500, random_state=1)
    expected, _, scale = genpareto.fit(values, floc=0)
    found = fit_pareto(values * unit)
    assert found.shape == pytest.approx(expected, abs=0.01)
    assert found.scale == pytest.approx(scale * unit, rel=0.01)


def test_a_tail_with_an_end_is_taken_as_exponential() -> None:
    values = genpareto.rvs(-0.3, scale=2.0, size=500, random_state=1)
    assert fit_pareto(values) == Pareto(0.0, pytest.approx(values.mean()))


def test_a_shape_beyond_reason_is_held_at_the_limit() -> None:
    assert fit_pareto(genpareto.rvs(2.0, size=500, random_state=1)).shape == MAX_SHAPE


@given(st.just(0.0) | st.floats(1e-9, 1), st.floats(1e-3, 1e3), st.floats(1e-6, 1.0))
def test_chance_and_excess_are_each_other_s_inverse(shape: float, scale: float, chance: float) -> None:
    pareto = Pareto(shape, scale)
    assert pareto.chance(pareto.excess(chance)) == pytest.approx(chance, rel=1e-6)


def test_what_is_below_the_threshold_is_certain() -> None:
    assert Pareto(0.2, 1.0).chance([-1.0, 0.0]).tolist() == [1.0, 1.0]


def test_samples_of_the_distribution_fit_and_others_do_not() -> None:
    random = np.random.default_rng(0)
    own = Pareto(0.2, 1.0).excess(1.0 - random.random(300))
    assert goodness_of_fit(own, fit_pareto(own), random, draws=60) > 0.05
    other = np.concatenate([np.full(200, 1.0), np.full(100, 3.0)]) + 0.01 * random.random(300)
    assert goodness_of_fit(other, fit_pareto(other), random, draws=60) < 0.05


def test_many_surprises_are_known_by_their_mean_and_a_heavy_tail_is_not_taken_for_one() -> None:
    random = np.random.default_rng(0)
    own, heavy = (Pareto(shape, 2.0).excess(1.0 - random.random(100)) for shape in (0.0, 0.8))
    assert fit_surprises(own).scale == pytest.approx(own.mean(), rel=0.1)
    believed, refused = (
        goodness_of_fit(values, fit_surprises(values), random, fit=fit_surprises, draws=60)
        for values in (own, heavy)
    )
    assert believed > 0.05 > refused


@pytest.mark.parametrize("scale", [0.05, 3.0])
def test_few_surprises_are_drawn_to_what_a_surprise_should_be(scale: float) -> None:
    few, more = (fit_surprises(np.full(count, scale)).scale for count in (5, 500))
    assert abs(few - SURPRISE_SCALE) < abs(scale - few)
    assert more == pytest.approx(scale, rel=0.2)


def test_a_surprise_as_it_should_be_stays_as_it_is() -> None:
    fitted = fit_surprises(np.full(7, SURPRISE_SCALE))
    assert fitted == Pareto(0.0, pytest.approx(SURPRISE_SCALE))
    assert fitted.excess(0.1) == pytest.approx(1.0)
