from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.tiny_models import TINY
from torch import Tensor

from vad_edge_training.models.dlan_ac import DlanAc, DlanAcConfig
from vad_edge_training.models.model import clip_images


@pytest.fixture
def model() -> DlanAc:
    torch.manual_seed(0)
    return DlanAc(DlanAcConfig(**TINY["dlan_ac"]))


def batch(seed: int = 1) -> Tensor:
    return torch.randint(0, 256, (2, 5, 32, 48, 3), generator=torch.Generator().manual_seed(seed)).byte()


def features() -> Tensor:
    torch.manual_seed(3)
    return F.normalize(torch.randn(2, 8, 2, 3), dim=1)


def prototypes() -> Tensor:
    torch.manual_seed(4)
    return F.normalize(torch.randn(2, 9, 8), dim=2)


def test_the_auto_encoder_comes_first_then_everything(model: DlanAc) -> None:
    reconstruct, aggregate = model.phases()
    names = [name for name, _ in model.named_parameters()]
    (coder,), (everything,) = reconstruct.turns, aggregate.turns
    held = {name.partition(".")[0] for name in names if not coder.may_move(name)}
    assert held == {"aggregation", "project"}
    assert all(everything.may_move(name) for name in names)


def test_the_clusterer_finds_how_many_clusters_are_real(model: DlanAc) -> None:
    with torch.no_grad():
        model.begin("reconstruct", [])
        assert model.clusters == 9
        model.begin("aggregate", [batch(seed) for seed in range(3)])
    count = model.clusters
    assert 1 <= count <= 9
    assert model.real.tolist() == [1.0] * count + [0.0] * (9 - count)
    alpha, centers = model.config.alpha, model.aggregation.centers
    torch.testing.assert_close(model.aggregation.assign.weight[:, :, 0, 0], 2 * alpha * centers)


def test_places_read_from_the_real_prototypes_by_their_likeness(model: DlanAc) -> None:
    """Eqs 7 and 8 over the first M prototypes, place by place."""
    model.real.copy_((torch.arange(9) < 4).float())
    read = model._read(prototypes(), features())
    for clip, row, column in np.ndindex(2, 2, 3):
        items = prototypes()[clip, :4].numpy()
        weight = np.exp(items @ features()[clip, :, row, column].numpy())
        expected = (weight / weight.sum()) @ items
        np.testing.assert_allclose(read[clip, :, row, column].numpy(), expected, atol=1e-5)


def test_the_nearest_two_prototypes_are_real(model: DlanAc) -> None:
    """Eqs 12 and 14."""
    model.real.copy_((torch.arange(9) < 4).float())
    first, second = model._nearest(prototypes(), features())
    for clip, row, column in np.ndindex(2, 2, 3):
        items = prototypes()[clip, :4].numpy()
        order = np.argsort(-(items @ features()[clip, :, row, column].numpy()))
        np.testing.assert_allclose(first[clip, :, row, column].numpy(), items[order[0]], atol=1e-6)
        np.testing.assert_allclose(second[clip, :, row, column].numpy(), items[order[1]], atol=1e-6)


def test_a_redundant_prototype_has_no_say(model: DlanAc) -> None:
    model.eval()
    model.real.copy_((torch.arange(9) < 4).float())
    clip = batch()
    with torch.no_grad():
        before, _ = model.score(clip)
        model.aggregation.centers[4:] += 1.0
        after, _ = model.score(clip)
    torch.testing.assert_close(before, after)


def test_the_loss_is_the_weighted_sum_of_its_parts(model: DlanAc) -> None:
    """Eq 15, with eq 11's distance and eq 13's margin."""
    parts = model.training_loss(batch(), "all")
    expected = (
        parts["prediction"] + parts["gradient"] + 0.01 * parts["compactness"] + 0.01 * parts["separateness"]
    )
    torch.testing.assert_close(parts["loss"], expected)


def test_compaction_and_separation_are_of_each_place_and_its_nearest_two_prototypes(model: DlanAc) -> None:
    """Eqs 11 and 13, place by place, as means."""
    model.eval()
    model.real.copy_((torch.arange(9) < 4).float())
    with torch.no_grad():
        found, _ = model._encode(2.0 * clip_images(batch())[:, :-1] - 1.0)
        items = model._prototypes(found)[:, :4].numpy()
        parts = model.training_loss(batch(), "all")
    compact, separate = [], []
    for clip, row, column in np.ndindex(2, *found.shape[2:]):
        feature = found[clip, :, row, column].numpy()
        near, far = np.sort(np.linalg.norm(items[clip] - feature, axis=1))[:2]
        compact.append(near)
        separate.append(max(near - far + 1.0, 0.0))
    assert float(parts["compactness"]) == pytest.approx(np.mean(compact), rel=1e-4)
    assert float(parts["separateness"]) == pytest.approx(np.mean(separate), rel=1e-4)


def test_the_score_is_of_the_last_frame_predicted_with_the_clips_own_prototypes(model: DlanAc) -> None:
    """Eqs 5 to 8 and 16 with the first M prototypes cut out, not masked."""
    model.eval()
    model.real.copy_((torch.arange(9) < 4).float())
    images = 2.0 * clip_images(batch()) - 1.0
    with torch.no_grad():
        raw, skips = model.encoder(images[:, :4].flatten(1, 2))
        found = F.normalize(raw, dim=1)
        sums = F.normalize(model.aggregation(found)[:, :4], dim=2)
        items = F.normalize(model.project(sums), dim=2)
        places = found.flatten(2)
        read = items.transpose(1, 2) @ torch.softmax(items @ places, dim=1)
        joined = torch.cat((found, read.reshape(found.shape)), dim=1)
        predicted = torch.tanh(model.decoder(joined, skips))
        error = (0.5 * predicted - 0.5 * images[:, 4]).pow(2).mean(dim=(1, 2, 3))
        score, _ = model.score(batch())
    torch.testing.assert_close(score[:, 0], 10.0 * torch.log10(error + 1e-10), rtol=1e-4, atol=1e-4)


def test_the_auto_encoder_alone_sends_nothing_to_the_prototypes(model: DlanAc) -> None:
    """Eqs 9 and 10 only."""
    losses = model.training_loss(batch(), "reconstruct")
    losses["loss"].backward()
    assert set(losses) == {"loss", "prediction", "gradient"}
    assert all(value.grad is None for value in (*model.aggregation.parameters(), *model.project.parameters()))


def test_the_clusterer_leaves_the_model_in_training(model: DlanAc) -> None:
    statistics = {name: value.clone() for name, value in model.encoder.named_buffers()}
    with torch.no_grad():
        model.train().begin("aggregate", [batch()])
    assert model.training
    assert all(torch.equal(value, statistics[name]) for name, value in model.encoder.named_buffers())
