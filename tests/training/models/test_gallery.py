from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vad_edge_training.models.gallery import choose_pictures, fit_exposure, nearest_picture


def scene(level: float, count: int, seed: int = 0) -> Tensor:
    """Frames of one lighting: blots about a level, and noise; (count, 3, 8, 12)."""
    generator = torch.Generator().manual_seed(seed)
    blots = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(9)) * 40
    return level + blots + torch.randn(count, 3, 8, 12, generator=generator)


def test_each_lighting_gets_a_picture() -> None:
    day, night = scene(150, 30), scene(30, 10, seed=1)
    pictures = choose_pictures(torch.cat((day, night)), 2)
    levels = sorted(pictures.mean(dim=(1, 2, 3)).tolist())
    assert levels == pytest.approx([night.mean().item(), day.mean().item()], abs=1.0)


def test_who_passes_by_is_not_in_the_picture() -> None:
    frames = scene(100, 30)
    for place in range(10):
        frames[place, :, 2:5, place : place + 2] = 255
    (picture,) = choose_pictures(frames, 1)
    assert (picture - scene(100, 30).median(dim=0).values).abs().max() < 2.0


def test_fewer_different_frames_than_pictures_give_some_twice() -> None:
    pictures = choose_pictures(scene(100, 1), 4)
    assert pictures.shape == (4, 3, 8, 12)
    assert torch.equal(pictures[0], pictures[3])


def test_the_nearest_picture_is_taken_for_each_camera_by_itself() -> None:
    pictures = torch.stack((scene(150, 1)[0], scene(30, 1)[0])).expand(2, -1, -1, -1, -1)
    frames = torch.cat((scene(140, 1, seed=5), scene(40, 1, seed=6)))
    found = nearest_picture(frames, pictures)
    torch.testing.assert_close(found[0], pictures[0, 0])
    torch.testing.assert_close(found[1], pictures[0, 1])


def test_a_cloud_is_fitted_and_a_lamp_that_goes_out_is_not() -> None:
    picture = scene(150, 1)
    cloud = picture * 0.9
    torch.testing.assert_close(fit_exposure(picture, cloud), cloud, rtol=1e-4, atol=1e-2)
    assert (fit_exposure(picture, picture * 0.3) - picture * 0.3).abs().mean() > 50
