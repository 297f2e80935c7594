from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vad_edge_training.models.flow import GradientFlow, speed_of


@pytest.fixture
def texture() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return F.interpolate(torch.rand(1, 1, 12, 18, generator=generator) * 255, size=(60, 90), mode="bicubic")


def flow(**changes: float) -> GradientFlow:
    settings = {"window": 9, "stride": 2, "damping": 4.0, "fastest": 8.0, **changes}
    return GradientFlow(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("down", "right"), [(0, 0), (0, 1), (1, 0), (-1, 1)])
def test_it_finds_a_shift_and_its_direction(texture: Tensor, down: int, right: int) -> None:
    found = flow()(texture, torch.roll(texture, (down, right), dims=(2, 3)))[0, :, 4:-4, 4:-4]
    assert found[0].median().item() == pytest.approx(right, abs=0.15)
    assert found[1].median().item() == pytest.approx(down, abs=0.15)


def test_it_answers_at_every_stride_th_place(texture: Tensor) -> None:
    assert flow(stride=2)(texture, texture).shape == (1, 2, 30, 45)


def test_where_there_is_no_texture_there_is_no_motion() -> None:
    grey = torch.full((1, 1, 20, 20), 120.0)
    assert flow()(grey, grey + 40).abs().max() == 0.0


def test_nothing_is_faster_than_the_fastest(texture: Tensor) -> None:
    assert flow(fastest=2.0)(texture, 255 - texture).abs().max() <= 2.0


def test_noise_is_drawn_to_zero(texture: Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    noise = [
        torch.full_like(texture, 90.0) + torch.randn(texture.shape, generator=generator) for _ in range(2)
    ]
    assert flow()(*noise).pow(2).mean().item() < 0.25


def test_speed_is_the_length_of_a_velocity_of_any_direction() -> None:
    velocity = torch.tensor([[3.0, 0.0], [-4.0, 0.0]]).view(1, 2, 1, 2)
    torch.testing.assert_close(speed_of(velocity).flatten(), torch.tensor([5.0, 0.001]))
