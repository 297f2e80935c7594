from __future__ import annotations

import numpy as np
import torch

from vad_edge_training.models.layers.vlad import LocalAggregation


def test_residuals_are_summed_by_assignment() -> None:
    """Eqs 5 and 6, with the residuals laid out one by one."""
    torch.manual_seed(0)
    layer = LocalAggregation(channels=3, clusters=4).double()
    centers = torch.randn(4, 3).double()
    layer.start_from(centers, alpha=2.0)
    features = torch.randn(2, 3, 2, 5).double()
    found = layer(features).detach().numpy()
    for clip in range(2):
        expected = np.zeros((4, 3))
        for row, column in np.ndindex(2, 5):
            f = features[clip, :, row, column].numpy()
            closeness = np.exp([-2.0 * np.sum((f - c) ** 2) for c in centers.numpy()])
            for cluster, share in enumerate(closeness / closeness.sum()):
                expected[cluster] += share * (f - centers[cluster].numpy())
        np.testing.assert_allclose(found[clip], expected, atol=1e-9)
