from __future__ import annotations

import numpy as np
import torch

from vad_edge_training.models.layers.soft_assignment import soft_assign, soft_distance, squared_distances


def test_distances_assignments_and_their_product_are_those_of_the_papers() -> None:
    """Eq 10 of spatio-temporal dissociation, eq 2 of clustering learning: place by place."""
    torch.manual_seed(0)
    features, centroids = torch.randn(2, 3, 2, 4).double(), torch.randn(5, 3).double()
    squared = squared_distances(features, centroids)
    share = soft_assign(squared, alpha=2.0)
    found = soft_distance(squared, alpha=2.0)
    for batch, row, column in np.ndindex(2, 2, 4):
        r = features[batch, :, row, column].numpy()
        apart = np.array([np.linalg.norm(r - c) for c in centroids.numpy()])
        weight = np.exp(-2.0 * apart) / np.exp(-2.0 * apart).sum()
        np.testing.assert_allclose(squared[batch, :, row, column].numpy(), apart**2, atol=1e-9)
        np.testing.assert_allclose(share[batch, :, row, column].numpy(), weight, atol=1e-6)
        np.testing.assert_allclose(found[batch, row, column].numpy(), (weight * apart**2).sum(), rtol=1e-6)


def test_a_distance_that_rounding_makes_negative_is_none() -> None:
    place = torch.full((1, 512, 1, 1), 100.1)
    squared = squared_distances(place, place.view(1, 512))
    assert float(squared) >= 0.0
    assert torch.isfinite(soft_distance(squared, 25.0)).all()
