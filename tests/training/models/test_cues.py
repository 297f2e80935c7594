"""The cues that need no learning, on images whose answer is known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vad_edge_training.models.cues import (
    BlockMatching,
    box_mean,
    foreground,
    mean_over_foreground,
    peak,
)


@pytest.fixture
def texture() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return F.interpolate(torch.rand(1, 1, 20, 30, generator=generator) * 255, size=(60, 90), mode="bilinear")


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (0, 2), (3, 0), (-1, 2), (-3, -3)])
def test_block_matching_finds_the_length_of_a_shift(texture: torch.Tensor, dy: int, dx: int) -> None:
    matching = BlockMatching(radius=3, block=7, sharpness=2.0, stride=1)
    moved = torch.roll(texture, (dy, dx), dims=(2, 3))
    speed = matching(texture, moved)[:, :, 8:-8, 8:-8]
    assert speed.median().item() == pytest.approx((dy**2 + dx**2) ** 0.5, abs=0.15)


def test_block_matching_keeps_cameras_of_a_batch_apart(texture: torch.Tensor) -> None:
    matching = BlockMatching(radius=2, block=5, sharpness=2.0, stride=1)
    still, moved = texture, torch.roll(texture, 2, dims=3)
    together = matching(torch.cat((still, still)), torch.cat((still, moved)))
    torch.testing.assert_close(together[1:], matching(still, moved))


def test_a_box_mean_at_the_border_counts_only_what_is_inside() -> None:
    assert torch.equal(box_mean(torch.ones(1, 1, 5, 5), 3), torch.ones(1, 1, 5, 5))


def test_foreground_is_zero_on_the_background_and_one_on_a_thing() -> None:
    distance = torch.zeros(1, 1, 40, 40)
    distance[:, :, 10:30, 10:30] = 60.0
    surely = foreground(distance, threshold=15.0, softness=4.0)
    assert surely[0, 0, 20, 20] == 1.0
    assert surely[0, 0, 2, 2] == 0.0


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


def test_block_matching_with_a_stride_gives_every_other_place(texture: torch.Tensor) -> None:
    moved = torch.roll(texture, 2, dims=3)
    coarse = BlockMatching(radius=3, block=7, sharpness=2.0, stride=2)(texture, moved)
    fine = BlockMatching(radius=3, block=7, sharpness=2.0, stride=1)(texture, moved)
    torch.testing.assert_close(coarse, fine[:, :, ::2, ::2])
