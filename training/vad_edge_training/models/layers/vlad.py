"""Local aggregation of features into one vector a cluster, in the manner of NetVLAD."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LocalAggregation(nn.Module):
    """Sums each cluster's residuals over all places (DLAN-AC eqs 5 and 6; NetVLAD, Arandjelovic et al. 2016).

    The residuals themselves are never laid out: sum a (f - c) is one product less the assignments' sum times
    the centre.
    """

    def __init__(self, channels: int, clusters: int) -> None:
        super().__init__()
        self.assign = nn.Conv2d(channels, clusters, 1)
        self.centers = nn.Parameter(F.normalize(torch.randn(clusters, channels), dim=1))

    @torch.no_grad()
    def start_from(self, centers: Tensor, alpha: float) -> None:
        """Begin with these centres (L, C): eq 6's weights 2 alpha c and biases -alpha |c|^2."""
        weight, bias = self.assign.weight, self.assign.bias
        self.centers.copy_(centers)
        weight.copy_(2.0 * alpha * centers[:, :, None, None])
        if bias is not None:
            bias.copy_(-alpha * centers.pow(2).sum(dim=1))

    def forward(self, features: Tensor) -> Tensor:
        """Eqs 5 and 6: (B, C, h, w) -> (B, L, C)."""
        share = torch.softmax(self.assign(features), dim=1).flatten(2)
        total = torch.bmm(share, features.flatten(2).transpose(1, 2))
        return total - share.sum(dim=2, keepdim=True) * self.centers
