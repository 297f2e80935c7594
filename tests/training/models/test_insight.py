"""What models make of places, for whoever learns from them."""

from __future__ import annotations

import pytest
import torch
from tests.support.tiny_models import TINY
from torch import Tensor

from vad_edge_training.models.insight import GivesInsight, Insight, cosine_shares
from vad_edge_training.models.registry import MODELS, build

GIVING = ("predictor", "mnad", "clustering", "dissociation", "dlan_ac", "smdnet", "fusion_stream")
WITHOUT_PROTOTYPES = ("predictor",)
BLIND_TO_THE_LAST = ("mnad", "dlan_ac", "smdnet", "clustering")


def insight(name: str, clips: Tensor) -> Insight:
    torch.manual_seed(0)
    model = build(name, TINY[name]).eval()
    assert isinstance(model, GivesInsight)
    with torch.no_grad():
        return model.insight(clips)


def clips_of(name: str, count: int = 2) -> Tensor:
    model = build(name, TINY[name])
    size = (count, model.clip_length, 3, model.config.height, model.config.width)
    return torch.rand(size, generator=torch.Generator().manual_seed(1))


def test_the_published_systems_and_the_predictor_give_insight() -> None:
    giving = [name for name in MODELS if isinstance(build(name, TINY[name]), GivesInsight)]
    assert sorted(giving) == sorted(GIVING)


@pytest.mark.parametrize("name", GIVING)
def test_features_and_shares_are_of_the_same_places(name: str) -> None:
    features, shares = insight(name, clips_of(name))
    assert features.dim() == 4
    assert len(features) == 2
    assert torch.isfinite(features).all()
    assert (shares is None) == (name in WITHOUT_PROTOTYPES)
    if shares is not None:
        assert (shares.shape[0], *shares.shape[2:]) == (2, *features.shape[2:])


@pytest.mark.parametrize("name", [name for name in GIVING if name not in WITHOUT_PROTOTYPES])
def test_every_place_belongs_to_prototypes_as_a_whole(name: str) -> None:
    _, shares = insight(name, clips_of(name))
    assert shares is not None
    assert (shares >= 0).all()
    torch.testing.assert_close(shares.sum(dim=1), torch.ones_like(shares[:, 0]))


@pytest.mark.parametrize("name", GIVING)
def test_clips_of_a_batch_do_not_see_each_other(name: str) -> None:
    clips = clips_of(name)
    torch.testing.assert_close(
        insight(name, clips).features[1:], insight(name, clips[1:]).features, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", BLIND_TO_THE_LAST)
def test_a_predictor_of_clips_knows_nothing_of_the_frame_it_predicts(name: str) -> None:
    clips = clips_of(name)
    changed = clips.clone()
    changed[:, -1] = 0.0
    torch.testing.assert_close(insight(name, changed).features, insight(name, clips).features)


def test_nothing_belongs_to_a_redundant_cluster() -> None:
    torch.manual_seed(0)
    model = build("dlan_ac", TINY["dlan_ac"]).eval()
    assert isinstance(model, GivesInsight)
    model.get_buffer("real")[3:] = 0.0
    with torch.no_grad():
        shares = model.insight(clips_of("dlan_ac")).shares
    assert shares is not None
    assert float(shares[:, 3:].max()) == 0.0


def test_cosines_a_tenth_apart_tell_prototypes_apart() -> None:
    shares = cosine_shares(torch.tensor([1.0, 0.9]).view(1, 2, 1, 1)).flatten()
    assert float(shares[0] / shares[1]) == pytest.approx(torch.e, rel=1e-4)
