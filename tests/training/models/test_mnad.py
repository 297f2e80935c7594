from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tests.support.tiny_models import TINY

from vad_edge_training.models.mnad import Mnad, MnadConfig
from vad_edge_training.models.model import clip_images


@pytest.fixture
def model() -> Mnad:
    torch.manual_seed(0)
    return Mnad(MnadConfig(**TINY["mnad"]))


def test_the_loss_is_the_weighted_sum_of_its_parts(model: Mnad) -> None:
    batch = torch.randint(0, 256, (2, 5, 32, 48, 3), dtype=torch.uint8)
    losses = model.training_loss(batch, "all")
    expected = losses["prediction"] + 0.1 * losses["compactness"] + 0.1 * losses["separateness"]
    torch.testing.assert_close(losses["loss"], expected)


def test_the_memory_learns_from_the_queries_of_a_training_step(model: Mnad) -> None:
    before = model.memory.items.clone()
    model.training_loss(torch.randint(0, 256, (2, 5, 32, 48, 3), dtype=torch.uint8), "all")
    assert not torch.equal(model.memory.items, before)


def test_the_score_is_of_the_last_frame_predicted_from_those_before(model: Mnad) -> None:
    """Eq 12, by hand: 10 log10 of the mean squared error of images in 0..1."""
    model.eval()
    batch = torch.randint(0, 256, (1, 5, 32, 48, 3), dtype=torch.uint8)
    images = 2.0 * clip_images(batch) - 1.0
    with torch.no_grad():
        features, skips = model.encoder(images[:, :4].flatten(1, 2))
        query = F.normalize(features, dim=1)
        read, similarity = model.memory.read(query)
        predicted = torch.tanh(model.decoder(torch.cat((query, read), dim=1), skips))
        error = (0.5 * predicted - 0.5 * images[:, 4]).pow(2).mean()
        score, _ = model.score(batch)
    assert float(score[0, 0]) == pytest.approx(float(10 * torch.log10(error + 1e-10)), rel=1e-4)
    assert float(score[0, 1]) == pytest.approx(float((2 - 2 * similarity.amax(dim=1)).mean()), rel=1e-4)
