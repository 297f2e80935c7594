from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.tiny_models import TINY

from vad_edge.errors import ConfigError
from vad_edge_training.models.mnad import Mnad, MnadConfig
from vad_edge_training.models.model import (
    ModelConfig,
    clip_images,
    gradient_loss,
    negative_psnr,
    squared_error,
    window_peak,
)


def test_errors_are_means_over_cells_of_four_pixels() -> None:
    torch.manual_seed(0)
    predicted, target = torch.rand(2, 3, 8, 12), torch.rand(2, 3, 8, 12)
    squared = (predicted.numpy() - target.numpy()) ** 2
    expected = squared.mean(axis=1).reshape(2, 2, 4, 3, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(squared_error(predicted, target).numpy(), expected, rtol=1e-5)


def test_the_psnr_is_of_the_weighted_mean() -> None:
    error = torch.tensor([[[0.01, 0.04], [0.09, 0.16]]])
    weight = torch.tensor([[[1.0, 0.0], [0.0, 3.0]]])
    expected = 10 * np.log10((0.01 + 3 * 0.16) / 4)
    assert float(negative_psnr(error, weight)) == pytest.approx(expected, rel=1e-5)


def test_a_place_of_weight_zero_and_an_image_without_weight_count_for_nothing() -> None:
    error = torch.ones(1, 2, 2)
    assert float(negative_psnr(error, torch.zeros(1, 2, 2))) == pytest.approx(-100.0)


def test_the_peak_is_the_largest_mean_of_a_window() -> None:
    error = torch.zeros(1, 13, 13)
    error[0, 6, 6] = 25.0
    error[0, 0, 0] = 24.0
    assert float(window_peak(error, torch.ones(1, 13, 13), size=5)) == pytest.approx(1.0)
    assert float(window_peak(error, torch.zeros(1, 13, 13), size=5)) == 0.0


def test_gradients_are_compared_by_their_size() -> None:
    torch.manual_seed(0)
    one, two = torch.rand(1, 2, 4, 5), torch.rand(1, 2, 4, 5)
    expected = sum(
        np.abs(np.abs(np.diff(one.numpy(), axis=axis)) - np.abs(np.diff(two.numpy(), axis=axis))).mean()
        for axis in (2, 3)
    )
    assert float(gradient_loss(one, two)) == pytest.approx(expected, rel=1e-5)
    assert float(gradient_loss(one, -one)) == 0.0


def test_a_step_scores_as_the_clip_of_its_last_frames() -> None:
    torch.manual_seed(0)
    model = Mnad(MnadConfig(**TINY["mnad"])).eval()
    frames = torch.randint(0, 256, (2, 9, 32, 48, 3), dtype=torch.uint8)
    with torch.no_grad():
        rolled, where = model.score(frames)
        at_once, there = model.score_clip(clip_images(frames[:, -5:]), torch.ones(2, 8, 12))
    torch.testing.assert_close(rolled, at_once)
    torch.testing.assert_close(where, there)


def test_a_clip_model_is_warm_once_its_past_is_full() -> None:
    spec = Mnad(MnadConfig(**TINY["mnad"])).step_module().spec
    assert (spec.warmup_frames, spec.delay_frames) == (4, 0)
    assert spec.states == {"past": (12, 32, 48)}


@pytest.mark.parametrize(("height", "near"), [(250, "248x256"), (3, "16x256")])
def test_a_size_that_does_not_fold_is_refused_with_one_that_does(height: int, near: str) -> None:
    with pytest.raises(ConfigError, match=f"must be multiples of 8; {near} is near"):
        ModelConfig(height=height)
