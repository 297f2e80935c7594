"""How usual a place's motion and crowding are: a mixture of Gaussians as two small convolutions."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn

SPREAD_FLOOR: Final = 0.05
"""Least variance of a component, in shares of the features' own: little footage must not look certain."""

FAR: Final = 8.0
"""Standard deviations beyond which a feature is simply far: INT8's steps are finer without the rest."""


class MixtureDensity(nn.Module):
    """Minus the logarithm of a density over local features, up to a constant.

    `fit` finds the mixture by expectation maximisation; its parameters can then be refined by gradient, with
    the rest of a model. A component's squared Mahalanobis distance is the squared length of a whitened
    feature, which is a convolution of size one.
    """

    centre: Tensor
    scale: Tensor
    members: Tensor
    log_volumes: Tensor

    def __init__(self, features: int, components: int) -> None:
        super().__init__()
        self.features = features
        self.components = components
        self.register_buffer("centre", torch.zeros(1, features, 1, 1))
        self.register_buffer("scale", torch.ones(1, features, 1, 1))
        self.whiten = nn.Conv2d(features, components * features, 1)
        self.log_shares = nn.Parameter(torch.zeros(components))
        members = torch.eye(components).repeat_interleave(features, dim=1).view(components, -1, 1, 1)
        self.register_buffer("members", members, persistent=False)
        self.register_buffer("log_volumes", self._volumes().detach(), persistent=False)

    @torch.no_grad()
    def fit(self, samples: Tensor, seed: int = 0) -> None:
        """Fit the mixture to samples, (N, features), by expectation maximisation.

        Raises ValueError for fewer samples than components.
        """
        centre, scale = samples.mean(dim=0), samples.std(dim=0).clamp(min=1e-6)
        self.centre.copy_(centre.view_as(self.centre))
        self.scale.copy_(scale.view_as(self.scale))
        standard = (samples - centre) / scale
        found = GaussianMixture(
            self.components, reg_covar=SPREAD_FLOOR, max_iter=60, random_state=seed, init_params="k-means++"
        ).fit(standard.cpu().numpy())
        factors = torch.from_numpy(found.precisions_cholesky_).transpose(1, 2)
        offsets = -torch.einsum("kij,kj->ki", factors, torch.from_numpy(found.means_))
        assert self.whiten.bias is not None  # noqa: S101
        self.whiten.weight.copy_(factors.reshape_as(self.whiten.weight))
        self.whiten.bias.copy_(offsets.flatten())
        self.log_shares.copy_(torch.from_numpy(found.weights_).log())
        self.log_volumes.copy_(self._volumes())

    def train(self, mode: bool = True) -> MixtureDensity:
        """Between training and scoring; a graph takes the volumes as constants."""
        super().train(mode)
        if not mode:
            self.log_volumes.copy_(self._volumes().detach())
        return self

    def forward(self, features: Tensor) -> Tensor:
        """(B, features, h, w) -> (B, 1, h, w)."""
        standard = ((features - self.centre) / self.scale).clamp(-FAR, FAR)
        apart = self.whiten(standard).pow(2)
        volumes = self._volumes() if self.training else self.log_volumes
        logs = F.conv2d(apart, -0.5 * self.members, self.log_shares + volumes)
        highest = logs.amax(dim=1, keepdim=True)
        return -(highest + (logs - highest).exp().sum(dim=1, keepdim=True).log())

    def _volumes(self) -> Tensor:
        blocks = self.whiten.weight.view(self.components, self.features, self.features)
        volumes: Tensor = torch.linalg.slogdet(blocks).logabsdet
        return volumes
