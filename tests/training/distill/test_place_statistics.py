"""What is usual at each place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge_training.distill.place_statistics import MOST, statistics_of
from vad_edge_training.distill.teachers import Maps, Places


def shares_of(count: int, seed: int = 0) -> Maps:
    """Shares of `count` prototypes, some used more than others: (20, 2, 3, count)."""
    raw = np.random.default_rng(seed).gamma(np.linspace(0.1, 2.0, count), size=(20, 2, 3, count)) + 1e-6
    return np.asarray(raw / raw.sum(axis=-1, keepdims=True), np.float32)


def features_of(spread: list[float]) -> Maps:
    """Features around another mean at each place, one for each deviation: (400, 2, 3, C)."""
    random = np.random.default_rng(0)
    places = random.normal(0.0, 5.0, (2, 3, len(spread)))
    return np.asarray(places + random.normal(0.0, 1.0, (400, 2, 3, len(spread))) * spread, np.float32)


def test_what_a_place_always_shows_is_taken_off_and_the_rest_has_deviation_one() -> None:
    features = features_of([0.5, 3.0])
    statistics = statistics_of(
        [Places(features[:200], features[:200, ..., :0]), Places(features[200:], features[200:, ..., :0])]
    )
    standardised = statistics.standardised(features)
    assert np.abs(standardised.mean(axis=0)).max() < 1e-4
    assert standardised.std(axis=(0, 1, 2)) == pytest.approx([1.0, 1.0], rel=1e-3)


def test_a_feature_that_never_changes_is_no_noise_of_deviation_one() -> None:
    features = features_of([1.0, 1e-7])
    statistics = statistics_of([Places(features, features[..., :0])])
    assert np.abs(statistics.standardised(features)[..., 1]).max() < 0.01


def test_features_that_do_not_change_at_all_are_zero() -> None:
    features = np.ones((10, 2, 3, 2), np.float32)
    statistics = statistics_of([Places(features, features[..., :0])])
    assert not statistics.standardised(features).any()


def test_the_prior_is_how_much_a_place_usually_belongs_to_each_prototype() -> None:
    shares = shares_of(5)
    statistics = statistics_of([Places(shares[..., :0], shares)])
    order = np.argsort(-shares.mean(axis=(0, 1, 2)))
    assert np.exp(statistics.prior) == pytest.approx(shares.mean(axis=0)[..., order], abs=2e-3)


def test_the_prototypes_used_most_are_told_apart_and_the_others_are_one() -> None:
    shares = shares_of(MOST + 36)
    statistics = statistics_of([Places(shares[..., :0], shares)])
    told = statistics.told_apart(shares)
    assert told.shape[-1] == statistics.prior.shape[-1] == MOST
    used = shares.mean(axis=(0, 1, 2))
    assert used[statistics.kept].min() >= np.delete(used, statistics.kept).max()
    assert told[..., -1].mean() == pytest.approx(np.delete(used, statistics.kept).sum(), rel=1e-3)


@given(count=st.integers(1, 2 * MOST), seed=st.integers(0, 100))
def test_what_is_told_apart_adds_up_to_one(count: int, seed: int) -> None:
    shares = shares_of(count, seed)
    statistics = statistics_of([Places(shares[..., :0], shares)])
    assert statistics.told_apart(shares).sum(axis=-1) == pytest.approx(1.0, abs=1e-5)
    assert np.exp(statistics.prior).sum(axis=-1) == pytest.approx(1.0, abs=1e-5)
