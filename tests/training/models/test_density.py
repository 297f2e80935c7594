from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from vad_edge_training.models.density import MixtureDensity


@pytest.fixture
def samples() -> Tensor:
    """Two kinds of place: slow ones, and fewer fast ones."""
    generator = torch.Generator().manual_seed(0)
    slow = torch.randn(600, 2, generator=generator) * torch.tensor([0.5, 0.1])
    fast = torch.randn(300, 2, generator=generator) * torch.tensor([0.5, 0.1]) + torch.tensor([6.0, 1.0])
    return torch.cat((slow, fast))


def as_map(samples: Tensor) -> Tensor:
    return samples.T[None, :, :, None]


@torch.no_grad()
def test_one_component_is_the_normal_density_up_to_a_constant(samples: Tensor) -> None:
    slow = samples[:600]
    density = MixtureDensity(2, 1)
    density.fit(slow)
    found = density.eval()(as_map(slow)).flatten().numpy()
    scale = slow.std(dim=0).numpy()
    standard = (slow.numpy() - slow.mean(dim=0).numpy()) / scale
    spread = np.cov(standard.T) * (599 / 600) + 0.05 * np.eye(2)
    expected = -multivariate_normal([0.0, 0.0], spread).logpdf(standard)
    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=2e-3)


@torch.no_grad()
def test_what_lies_between_the_kinds_is_rarer_than_either(samples: Tensor) -> None:
    density = MixtureDensity(2, 4)
    density.fit(samples)
    slow, fast, between = density.eval()(as_map(torch.tensor([[0.0, 0.0], [6.0, 1.0], [3.0, 0.5]]))).flatten()
    assert between > slow + 3
    assert between > fast + 3


@torch.no_grad()
def test_a_refined_mixture_scores_with_its_own_volumes(samples: Tensor) -> None:
    density = MixtureDensity(2, 3)
    density.fit(samples)
    density.train()
    density.whiten.weight.mul_(1.5)
    while_training = density(as_map(samples))
    torch.testing.assert_close(density.eval()(as_map(samples)), while_training)


def test_gradients_make_what_was_seen_more_usual(samples: Tensor) -> None:
    density = MixtureDensity(2, 2).train()
    density.fit(samples + 0.3)
    optimiser = torch.optim.Adam(density.parameters(), lr=0.01)
    before = density(as_map(samples)).mean()
    for _ in range(30):
        optimiser.zero_grad()
        density(as_map(samples)).mean().backward()
        optimiser.step()
    assert density(as_map(samples)).mean() < before
