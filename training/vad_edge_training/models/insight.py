"""What a model makes of places on its way to a score, for whoever learns from it."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

COSINE_TEMPERATURE: Final = 0.1
"""What cosines are divided by before a softmax: that of plain cosines is nearly even over all prototypes.

The tau of SwAV, eq 2 (Caron et al., NeurIPS 2020).
"""


class Insight(NamedTuple):
    """Features of places, and how much each place belongs to each of the model's prototypes.

    features: float32 (B, C, h, w). shares: (B, M, h, w), adding up to one over M; None without prototypes.
    """

    features: Tensor
    shares: Tensor | None = None


@runtime_checkable
class GivesInsight(Protocol):
    """A model that can be asked what it makes of places, at the size of its bottleneck."""

    @property
    def clip_length(self) -> int:
        """Frames of a clip."""
        ...

    def insight(self, clip: Tensor) -> Insight:
        """What clips show, each on its own: float32 (B, T, 3, H, W) BGR in 0..1, T = clip_length."""
        ...


def cosine_shares(similarity: Tensor) -> Tensor:
    """How much places belong to prototypes, from cosines (B, M, h, w): same shape, adding up to one."""
    return torch.softmax(similarity / COSINE_TEMPERATURE, dim=1)
