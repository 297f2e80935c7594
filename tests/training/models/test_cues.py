"""The cues that need no learning, on images whose answer is known."""

from __future__ import annotations

import pytest
import torch

from vad_edge_training.models.cues import box_mean, foreground, mean_over_foreground, peak


def test_a_box_mean_at_the_border_counts_only_what_is_inside() -> None:
    assert torch.equal(box_mean(torch.ones(1, 1, 5, 5), 3), torch.ones(1, 1, 5, 5))


def test_foreground_is_zero_on_the_background_and_one_on_a_thing_brighter_or_darker() -> None:
    apart = torch.zeros(1, 3, 20, 20)
    apart[:, :, 4:8, 4:8], apart[:, :, 12:16, 12:16] = 60.0, -60.0
    surely = foreground(apart, threshold=7.0)
    assert surely.shape == (1, 1, 20, 20)
    assert [surely[0, 0, place, place].item() for place in (5, 13, 0)] == [1.0, 1.0, 0.0]


def test_the_mean_over_the_foreground_ignores_what_is_beside_it() -> None:
    values = torch.full((1, 1, 9, 9), 50.0)
    share = torch.zeros(1, 1, 9, 9)
    values[:, :, :, :5], share[:, :, :, :5] = 2.0, 1.0
    mean = mean_over_foreground(values, share, size=5, filled=0.35)
    assert mean[0, 0, 4, 2].item() == pytest.approx(2.0, rel=0.01)
    assert mean[0, 0, 4, 4].item() == pytest.approx(2.0, rel=0.01)


def test_a_window_with_too_little_foreground_has_no_speed() -> None:
    share = torch.zeros(1, 1, 9, 9)
    share[:, :, 4, 4] = 1.0
    assert mean_over_foreground(torch.ones(1, 1, 9, 9), share, size=5, filled=0.35).max() == 0.0


def test_the_peak_is_taken_of_each_camera_by_itself() -> None:
    maps = torch.zeros(2, 1, 4, 4)
    maps[1, 0, 2, 3] = 7.0
    assert peak(maps).tolist() == [0.0, 7.0]
