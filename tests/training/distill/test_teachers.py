"""What teachers make of places, frame by frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.tiny_models import TINY

from vad_edge_training.distill.teachers import Frames, Inner, Maps, Offer
from vad_edge_training.models.insight import GivesInsight
from vad_edge_training.models.registry import build

FRAMES = np.random.default_rng(0).integers(0, 256, (12, 32, 64, 3)).astype(np.uint8)


def inner_of(name: str, config: dict[str, Any]) -> tuple[Inner, GivesInsight]:
    torch.manual_seed(0)
    model = build(name, config).eval()
    assert isinstance(model, GivesInsight)
    return Inner(model, model.step_module().spec, torch.device("cpu")), model


@torch.no_grad()
def features_of_clip(model: GivesInsight, frames: Frames) -> Maps:
    """What a model makes of one clip, its axes in the order of a teacher's."""
    clip = torch.from_numpy(frames).permute(0, 3, 1, 2).float()[None] / 255.0
    return model.insight(clip).features[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("name", "offer"),
    [
        ("mnad", Offer(16, 4)),
        ("predictor", Offer(16, 0)),
        ("clustering", Offer(24, 6)),
        ("smdnet", Offer(8, 4)),
    ],
)
def test_an_offer_counts_features_and_prototypes(name: str, offer: Offer) -> None:
    inner, _ = inner_of(name, TINY[name])
    assert inner.offer == offer


def test_a_frames_places_are_those_of_the_clip_that_ends_with_it() -> None:
    inner, model = inner_of("mnad", {**TINY["mnad"], "width": 64})
    places = inner.places(FRAMES)
    assert places.features.shape == (12, 4, 8, 16)
    assert places.shares.shape == (12, 4, 8, 4)
    for frame in (4, 9, 11):
        expected = features_of_clip(model, FRAMES[frame - 4 : frame + 1])
        np.testing.assert_allclose(places.features[frame], expected, rtol=1e-4, atol=1e-5)


def test_the_first_frame_stands_in_for_those_before_it() -> None:
    inner, model = inner_of("mnad", {**TINY["mnad"], "width": 64})
    expected = features_of_clip(model, FRAMES[[0, 0, 0, 0, 1]])
    np.testing.assert_allclose(inner.places(FRAMES).features[1], expected, rtol=1e-4, atol=1e-5)


def test_what_looks_ahead_tells_of_the_frame_that_its_map_belongs_to() -> None:
    inner, model = inner_of("clustering", {**TINY["clustering"], "mode": "reconstruction"})
    expected = features_of_clip(model, FRAMES[5:9])
    np.testing.assert_allclose(inner.places(FRAMES).features[5], expected, rtol=1e-4, atol=1e-5)


def test_a_model_without_prototypes_has_shares_of_none() -> None:
    inner, _ = inner_of("predictor", TINY["predictor"])
    places = inner.places(FRAMES[:3])
    assert places.shares.shape == (*places.features.shape[:3], 0)
