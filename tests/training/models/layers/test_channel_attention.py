from __future__ import annotations

import numpy as np
import torch

from vad_edge_training.models.layers.channel_attention import ResidualChannelAttention


def test_features_gain_their_refinement_by_channel() -> None:
    """Eqs 2 to 4: q + U s(U), s from U's mean over the places."""
    torch.manual_seed(0)
    block = ResidualChannelAttention(32, reduction=16).eval()
    features = torch.randn(2, 32, 4, 5)
    with torch.no_grad():
        found = block(features).numpy()
        refined = block.refine(features).numpy()
    squeeze, excite = block.squeeze.weight.detach().numpy(), block.excite.weight.detach().numpy()
    assert squeeze.shape == (2, 32, 1, 1)
    assert block.squeeze.bias is not None
    assert block.excite.bias is not None
    for image in range(2):
        mean = refined[image].mean(axis=(1, 2))
        hidden = squeeze[:, :, 0, 0] @ mean + block.squeeze.bias.detach().numpy()
        hidden = np.where(hidden > 0, hidden, 0.01 * hidden)
        logit = excite[:, :, 0, 0] @ hidden + block.excite.bias.detach().numpy()
        share = 1.0 / (1.0 + np.exp(-logit))
        expected = features[image].numpy() + refined[image] * share[:, None, None]
        np.testing.assert_allclose(found[image], expected, atol=1e-5)
