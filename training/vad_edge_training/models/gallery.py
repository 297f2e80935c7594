"""The scene as it looks when nothing happens: a few pictures of it, and the one nearest to a frame."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CAP = 400.0
"""Squared grey levels beyond which a place is simply different: a person stands there."""

GAIN = (0.8, 1.25)
"""How far the exposure of a picture may be changed to fit a frame."""

_COARSE = 2
_ROUNDS = 8


def choose_pictures(cells: Tensor, count: int, seed: int = 0) -> Tensor:
    """`count` pictures that stand for all of `cells`: k-means under a capped distance, then medians.

    cells: (N, C, h, w) grey levels of normal frames, N >= 1. Returns (count, C, h, w); where there are fewer
    different frames than pictures, some are the same.
    """
    small = F.avg_pool2d(cells, _COARSE)
    generator = torch.Generator().manual_seed(seed)
    centres = small[torch.randint(len(small), (1,), generator=generator)]
    nearest = _distance(small, centres)[:, 0]
    for _ in range(count - 1):
        chosen = torch.multinomial(nearest + 1e-6, 1, generator=generator)
        centres = torch.cat((centres, small[chosen]))
        nearest = torch.minimum(nearest, _distance(small, centres[-1:])[:, 0])
    for _ in range(_ROUNDS):
        owner = _distance(small, centres).argmin(dim=1)
        for place in set(owner.tolist()):
            centres[place] = small[owner == place].mean(dim=0)
    owner = _distance(small, centres).argmin(dim=1)
    taken = sorted(set(owner.tolist()))
    medians = torch.stack([cells[owner == place].median(dim=0).values for place in taken])
    return medians[torch.arange(count) % len(taken)]


def nearest_picture(cells: Tensor, pictures: Tensor) -> Tensor:
    """The picture that fits each frame best; cells (B, C, h, w), pictures (B, K, C, h, w) -> (B, C, h, w)."""
    apart = (cells.unsqueeze(1) - pictures).pow(2).mean(dim=2).clamp(max=CAP).mean(dim=(2, 3))
    best = (apart <= apart.amin(dim=1, keepdim=True)).to(cells.dtype)
    best = best / best.sum(dim=1, keepdim=True)
    return (best[:, :, None, None, None] * pictures).sum(dim=1)


def fit_exposure(picture: Tensor, cells: Tensor) -> Tensor:
    """The picture as bright as the frame, channel by channel and within bounds; (B, C, h, w) both.

    A passing cloud makes no foreground then, and a lamp that goes out still does.
    """
    mean = cells.mean(dim=(2, 3), keepdim=True)
    return picture * (mean / picture.mean(dim=(2, 3), keepdim=True).clamp(min=1.0)).clamp(*GAIN)


def _distance(frames: Tensor, centres: Tensor) -> Tensor:
    cap = CAP * _COARSE * _COARSE
    return torch.stack(
        [(frames - centre).pow(2).mean(dim=1).clamp(max=cap).mean(dim=(1, 2)) for centre in centres], dim=1
    )
