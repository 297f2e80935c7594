from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.tiny_models import TINY
from torch import Tensor

from vad_edge_training.models.dissociation import Dissociation, DissociationConfig
from vad_edge_training.models.model import clip_images


@pytest.fixture
def model() -> Dissociation:
    torch.manual_seed(0)
    return Dissociation(DissociationConfig(**TINY["dissociation"]))


def batch(seed: int = 1) -> Tensor:
    return torch.randint(0, 256, (2, 5, 32, 48, 3), generator=torch.Generator().manual_seed(seed)).byte()


def test_the_coders_lose_what_they_do_not_rebuild(model: Dissociation) -> None:
    """Eqs 3 and 6 in NumPy: squared error of I1, of I5 - I1, and of the difference's gradients."""
    losses = model.training_loss(batch(), "coders")
    clip = clip_images(batch())
    with torch.no_grad():
        image, difference, _ = model._code_and_images(clip)
    first, change = clip[:, 0].numpy(), (clip[:, 4] - clip[:, 0]).numpy()
    found = difference.numpy()
    gradients = sum(
        np.abs(np.abs(np.diff(found, axis=axis)) - np.abs(np.diff(change, axis=axis))).mean()
        for axis in (2, 3)
    )
    assert float(losses["spatial"].detach()) == pytest.approx(np.mean((image.numpy() - first) ** 2), rel=1e-4)
    expected = np.mean((found - change) ** 2) + gradients
    assert float(losses["motion"].detach()) == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(losses["loss"], losses["spatial"] + losses["motion"])


def test_the_turns_minimise_what_they_are_for(model: Dissociation) -> None:
    joined, clusters = (model.training_loss(batch(), turn) for turn in ("joined", "clusters"))
    torch.testing.assert_close(joined["loss"], joined["spatial"] + joined["motion"] + 0.1 * joined["cluster"])
    torch.testing.assert_close(clusters["loss"], clusters["cluster"])


def test_the_coders_and_the_clusters_move_by_turns(model: Dissociation) -> None:
    pretrain, alternate = model.phases()
    coders, clusters = alternate.turns
    names = [name for name, _ in model.named_parameters()]
    for turn in (*pretrain.turns, coders):
        assert [name for name in names if not turn.may_move(name)] == ["centroids"]
    assert {name for name in names if clusters.may_move(name)} == {
        "centroids",
        "spatial_encoder.neck.0.weight", "spatial_encoder.neck.0.bias",
        "motion_encoder.neck.weight", "motion_encoder.neck.bias",
    }  # fmt: skip
    assert clusters.rate == 0.1


def test_the_centroids_begin_where_the_codes_are(model: Dissociation) -> None:
    def distance() -> float:
        with torch.no_grad():
            return float(model.training_loss(batch(), "clusters")["loss"])

    before, model_mode = distance(), model.training
    with torch.no_grad():
        model.begin("pretrain", [])
        assert distance() == before
        model.begin("alternate", [batch(seed) for seed in range(3)])
    assert distance() < 0.1 * before
    assert model.training == model_mode


def test_the_fused_score_multiplies_error_and_distance_place_by_place(model: Dissociation) -> None:
    """Eq 13 at pixel level, by hand in NumPy."""
    model.eval()
    clip = clip_images(batch())
    weight = torch.ones(2, 8, 12)
    with torch.no_grad():
        model.begin("alternate", [batch(2)])
        score, where = model.score_clip(clip, weight)
        image, difference, code = model._code_and_images(clip)
        distance = model._distance(code).numpy()
    error = ((image + difference - clip[:, 4]).numpy() ** 2).mean(axis=1)
    product = error * np.kron(distance, np.ones((8, 8)))
    expected = 10 * np.log10(product.mean(axis=(1, 2)) + 1e-10)
    np.testing.assert_allclose(score[:, 0].numpy(), expected, rtol=1e-3)
    np.testing.assert_allclose(where.numpy(), product.reshape(2, 8, 4, 12, 4).mean(axis=(2, 4)), rtol=1e-3)


@pytest.mark.parametrize("values", [{"widths": (8, 8, 8, 8), "clusters": 2}])
def test_widths_are_free(values: dict[str, Any]) -> None:
    model = Dissociation(DissociationConfig(**{**TINY["dissociation"], **values})).eval()
    with torch.no_grad():
        score, _ = model.score(batch())
    assert torch.isfinite(score).all()
