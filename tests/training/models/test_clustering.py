from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.tiny_models import TINY
from torch import Tensor

from vad_edge.errors import ConfigError
from vad_edge_training.models.clustering import Clustering, ClusteringConfig, IstStage, SpatialCentroids
from vad_edge_training.models.model import clip_images


def clustering(**changes: Any) -> Clustering:
    torch.manual_seed(0)
    return Clustering(ClusteringConfig(**{**TINY["clustering"], **changes}))


def batch(length: int = 5) -> Tensor:
    size = (2, length, 32, 64, 3)
    return torch.randint(0, 256, size, generator=torch.Generator().manual_seed(1)).byte()


def gradients(model: Clustering, loss: Tensor) -> set[str]:
    """Which parts of the model a loss reaches."""
    model.zero_grad()
    loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
    return {
        name.partition(".")[0]
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }


def test_a_stage_multiplies_convolution_and_attention() -> None:
    """Eq 1: C A + A + X."""
    torch.manual_seed(0)
    stage = IstStage(12, 1, 2, (2, 4, 4), 2).eval()
    features = torch.randn(1, 12, 2, 4, 4)
    with torch.no_grad():
        attended = stage.attention(features.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)
        expected = stage.convolution(features) * attended + attended + features
        torch.testing.assert_close(stage(features), expected)


def test_features_are_read_out_of_the_centroids() -> None:
    """Eqs 2 and 3, place by place; eq 3 with the sum over the centroids that it lacks in print."""
    model = clustering(alpha=2.0)
    features = torch.randn(2, 24, 2, 4, 8)
    distance, read = model._cluster(features)
    centroids = model.centroids.detach().numpy()
    distances = []
    for clip, frame, row, column in np.ndindex(2, 2, 4, 8):
        x = features[clip, :, frame, row, column].numpy()
        apart = np.linalg.norm(x - centroids, axis=1)
        weight = np.exp(-2.0 * (apart - apart.min()))
        weight /= weight.sum()
        distances.append((weight * apart**2).sum())
        np.testing.assert_allclose(
            read[clip, :, frame, row, column].detach().numpy(), weight @ centroids, atol=1e-4
        )
    assert float(distance.detach()) == pytest.approx(np.mean(distances) / 24, rel=1e-4)


def test_spatial_centroids_are_whole_maps_of_a_channel() -> None:
    """Eq 4, with the sum over M in the denominator that it gives to K in print."""
    torch.manual_seed(0)
    layer = SpatialCentroids(channels=3, maps=4, places=6)
    features = torch.randn(2, 3, 2, 2, 3)
    distances = []
    for clip, channel, frame in np.ndindex(2, 3, 2):
        y = features[clip, channel, frame].reshape(-1).numpy()
        apart = np.linalg.norm(y - layer.centroids[channel].detach().numpy(), axis=1)
        weight = np.exp(-2.0 * apart) / np.exp(-2.0 * apart).sum()
        distances.append((weight * apart**2).sum())
    assert float(layer(features, gamma=2.0).detach()) == pytest.approx(np.mean(distances) / 6, rel=1e-4)


def test_at_first_no_gradient_passes_between_encoder_and_clusters() -> None:
    model = clustering()
    losses = model.training_loss(batch(), "apart")
    assert gradients(model, losses["feature_clusters"] + losses["spatial_clusters"]) == {
        "centroids",
        "spatial",
    }
    assert gradients(model, losses["error"]) == {"encoder", "decoder"}


def test_once_joined_the_clusters_shape_the_encoder() -> None:
    model = clustering()
    losses = model.training_loss(batch(), "joined")
    assert gradients(model, losses["feature_clusters"]) == {"encoder", "centroids"}
    assert gradients(model, losses["error"]) == {"encoder", "decoder", "centroids"}


def test_the_centroids_are_where_the_features_are_once_the_decoder_lives_on_them() -> None:
    model = clustering()

    def distance() -> float:
        model.eval()
        with torch.no_grad():
            found = float(model.training_loss(batch(), "joined")["feature_clusters"])
        model.train()
        return found

    before = distance()
    with torch.no_grad():
        model.begin("apart", [])
        assert distance() == before
        model.begin("joined", [batch()] * 2)
    assert distance() < 0.5 * before
    assert model.training


def test_spatial_centroids_have_no_part_in_the_score() -> None:
    model = clustering().eval()
    with torch.no_grad():
        before, _ = model.score(batch())
        model.spatial.centroids += 1.0
        after, _ = model.score(batch())
    assert torch.equal(before, after)


def test_a_reconstruction_averages_its_clip_and_scores_the_first_frame() -> None:
    model = clustering(mode="reconstruction").eval()
    assert (model.clip_length, model.step_module().spec.delay_frames) == (4, 3)
    clip = clip_images(batch(4))
    with torch.no_grad():
        _, read = model._cluster(model.encoder(clip.transpose(1, 2)))
        made = model.decoder(read).transpose(1, 2)
        score, _ = model.score(batch(4))
    error = ((made - clip) ** 2).mean(dim=(1, 2, 3, 4))
    torch.testing.assert_close(score[:, 0], 10 * torch.log10(error + 1e-10), rtol=1e-3, atol=1e-3)


def test_a_prediction_scores_the_frame_it_predicts() -> None:
    model = clustering().eval()
    assert (model.clip_length, model.step_module().spec.delay_frames) == (5, 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"height": 40}, "size: 40x64: windows of 4 do not divide it; give multiples of 32"),
        ({"channels": 10}, "channels: 10 channels for"),
        ({"heads": (5, 3)}, "channels: 12 channels for"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        clustering(**values)
