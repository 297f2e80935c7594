"""Losses by which a hidden layer is drawn to teachers' features and prototypes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vad_edge_training.distill.adapters import Adapters, area_mean, feature_loss, prototype_loss
from vad_edge_training.distill.teachers import Offer


def distribution(*shares: float) -> Tensor:
    """The same shares at each of 2 x 3 places: (1, M, 2, 3)."""
    return torch.tensor(shares).view(1, -1, 1, 1).expand(1, len(shares), 2, 3)


@torch.no_grad()
def losses_at_the_start(offers: list[Offer], *told: Tensor) -> dict[str, float]:
    losses = Adapters(4, offers)(torch.rand(1, 4, 2, 3), told)
    return {name: float(loss) for name, loss in losses.items()}


def test_the_divergence_is_that_of_the_teachers_shares_from_the_networks() -> None:
    teacher, prior = distribution(0.7, 0.3), distribution(0.5, 0.5).log()
    expected = 0.7 * math.log(0.7 / 0.5) + 0.3 * math.log(0.3 / 0.5)
    assert float(prototype_loss(torch.zeros_like(prior), teacher, prior)) == pytest.approx(expected, rel=1e-5)


def test_the_usual_shares_need_no_logits() -> None:
    usual = distribution(0.2, 0.5, 0.3)
    assert float(prototype_loss(torch.zeros_like(usual), usual, usual.log())) == pytest.approx(0.0, abs=1e-6)


def test_a_prototype_that_has_no_share_costs_nothing() -> None:
    teacher, prior = distribution(1.0, 0.0), distribution(0.5, 0.5).log()
    assert float(prototype_loss(torch.zeros_like(prior), teacher, prior)) == pytest.approx(math.log(2.0))


def test_a_feature_that_is_far_off_counts_by_its_distance_and_not_by_its_square() -> None:
    assert float(feature_loss(torch.tensor([10.0]), torch.tensor([0.0]))) == pytest.approx(9.5)
    assert float(feature_loss(torch.tensor([0.5]), torch.tensor([0.0]))) == pytest.approx(0.125)


def test_several_teachers_count_by_the_mean_of_their_losses() -> None:
    told = torch.full((1, 2, 2, 3), 3.0), torch.full((1, 1, 4, 4), 1.5)
    losses = losses_at_the_start([Offer(2, 0), Offer(1, 0)], *told)
    assert losses == {"features": pytest.approx((2.5 + 1.0) / 2)}


def test_each_teacher_is_heard_on_its_own() -> None:
    shares, prior = distribution(0.9, 0.1), distribution(0.5, 0.5).log()
    told = torch.full((1, 3, 2, 3), 0.5), torch.cat((shares, prior), dim=1)
    losses = losses_at_the_start([Offer(3, 0), Offer(0, 2)], *told)
    divergence = float(prototype_loss(torch.zeros_like(prior), shares, prior))
    assert losses == {"features": pytest.approx(0.125), "prototypes": pytest.approx(divergence)}


def test_a_place_of_another_size_is_the_mean_of_what_lies_in_it() -> None:
    image = torch.arange(6.0).view(1, 1, 2, 3)
    torch.testing.assert_close(area_mean(image, 1, 1), image.mean().view(1, 1, 1, 1))
    torch.testing.assert_close(area_mean(image, 2, 2)[0, 0, 0], torch.tensor([1 / 3, 5 / 3]))
    torch.testing.assert_close(area_mean(image, 4, 6), image.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_teachers_of_maps_alone_leave_nothing_to_match() -> None:
    assert losses_at_the_start([]) == {}


def test_a_hidden_layer_that_holds_the_features_learns_to_say_them() -> None:
    torch.manual_seed(0)
    hidden = torch.rand(4, 6, 5, 7)
    features = torch.einsum("ck,bkhw->bchw", torch.randn(3, 6), hidden)
    shares = torch.softmax(torch.einsum("ck,bkhw->bchw", 3 * torch.randn(2, 6), hidden), dim=1)
    told = torch.cat((features, shares, torch.zeros_like(shares)), dim=1)
    adapters = Adapters(6, [Offer(3, 2)])
    before = {name: float(loss.detach()) for name, loss in adapters(hidden, [told]).items()}
    optimizer = torch.optim.Adam(adapters.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        losses = adapters(hidden, [told])
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    assert all(float(loss.detach()) < 0.1 * before[name] for name, loss in losses.items())
