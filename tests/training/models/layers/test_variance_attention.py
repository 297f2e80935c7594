from __future__ import annotations

import numpy as np
import torch

from vad_edge_training.models.layers.variance_attention import VarianceAttention


def test_attention_is_a_softmax_of_the_variance_of_unit_length() -> None:
    """Eqs 7 to 9 by places; the variance's squares are the authors' code's."""
    torch.manual_seed(0)
    layer = VarianceAttention(channels=3, pool=2)
    features = torch.randn(1, 3, 4, 6)
    kernel = layer.embed.weight.detach().numpy()[:, :, 0, 0]
    variance = np.empty((2, 3))
    for row, column in np.ndindex(2, 3):
        block = features[0, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].numpy()
        embedded = (kernel @ block.reshape(3, -1)).mean(axis=1)
        variance[row, column] = np.mean((embedded - embedded.mean()) ** 2)
    share = np.exp(variance) / np.exp(variance).sum()
    expected = share / np.sqrt((share**2).sum())
    np.testing.assert_allclose(layer.attention(features)[0, 0].detach().numpy(), expected, rtol=1e-5)
    scaled = layer(features).detach().numpy()
    np.testing.assert_allclose(
        scaled[0], features[0].numpy() * np.exp(np.kron(expected, np.ones((2, 2)))), rtol=1e-4
    )


def test_features_of_any_size_stay_finite() -> None:
    layer = VarianceAttention(channels=4, pool=2)
    assert torch.isfinite(layer(1e4 * torch.randn(1, 4, 4, 4))).all()
