"""What a network's hidden layer is drawn to beside its own output: teachers' features and prototypes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vad_edge_training.distill.teachers import Offer


class Adapters(nn.Module):
    """1x1 convolutions from a hidden layer to what each teacher makes of places, there while it is taught.

    They begin at zero, which says that everything is as it usually is at its place.
    """

    def __init__(self, channels: int, offers: Sequence[Offer]) -> None:
        super().__init__()
        self._offers = offers
        self.heads = nn.ModuleList(nn.Conv2d(channels, sum(offer), 1) for offer in offers)
        for parameter in self.heads.parameters():
            nn.init.zeros_(parameter)

    def forward(self, hidden: Tensor, told: Sequence[Tensor]) -> dict[str, Tensor]:
        """The losses "features" and "prototypes", means over the teachers that have some.

        hidden: (B, channels, H, W). told: of each teacher, at a size of its own, C standardised features,
        places' shares of M prototypes and the logarithms of their usual shares, (B, C + 2 M, h, w). A
        teacher's place is compared with the mean of the hidden places in it.
        """
        losses: dict[str, list[Tensor]] = {"features": [], "prototypes": []}
        for head, offer, part in zip(self.heads, self._offers, told, strict=True):
            adapted = head(area_mean(hidden, *part.shape[2:]))
            found, logits = torch.split(adapted, list(offer), dim=1)
            features, shares, prior = torch.split(part, [*offer, offer.prototypes], dim=1)
            if offer.features:
                losses["features"].append(feature_loss(found, features))
            if offer.prototypes:
                losses["prototypes"].append(prototype_loss(logits, shares, prior))
        return {name: torch.stack(each).mean() for name, each in losses.items() if each}


def area_mean(image: Tensor, height: int, width: int) -> Tensor:
    """The image (B, C, H, W) at another size, (B, C, height, width): each place the mean of what lies in it.

    As two products, since a pooling's gradient on a GPU differs from run to run.
    """
    rows, columns = (
        _overlaps(fine, coarse).to(image)
        for fine, coarse in zip(image.shape[2:], (height, width), strict=True)
    )
    return rows @ image @ columns.T


def _overlaps(fine: int, coarse: int) -> Tensor:
    """How much of each of `coarse` equal stretches is each of `fine`: (coarse, fine), rows add up to one."""
    here, there = torch.arange(coarse).unsqueeze(1), torch.arange(fine)
    end = torch.minimum((here + 1) * fine, (there + 1) * coarse)
    begin = torch.maximum(here * fine, there * coarse)
    return (end - begin).clamp(min=0) / fine


def feature_loss(found: Tensor, features: Tensor) -> Tensor:
    """How far adapted features are from a teacher's standardised ones, both (B, C, h, w).

    FitNets, eq 3 (Romero et al., ICLR 2015), of features standardised as EfficientAD has them (Batzner et
    al., WACV 2024), with the smooth L1 norm of Fast R-CNN, eq 3 (Girshick, ICCV 2015), for the square. Not a
    cosine: where nothing is there, what remains of standardised features is noise, whose direction would
    count as much as a person's.
    """
    return F.smooth_l1_loss(found, features)


def prototype_loss(logits: Tensor, shares: Tensor, prior: Tensor) -> Tensor:
    """Mean divergence KL(teacher | network) of how much places belong to prototypes, in nats.

    SwAV, eq 2 (Caron et al., NeurIPS 2020), less the teacher's entropy, so that 0 is reached; the teacher's
    temperature is in its shares. logits say how far the network departs from prior, the logarithms of the
    usual shares of each place. All are (B, M, h, w).
    """
    found = torch.log_softmax(prior + logits, dim=1)
    return F.kl_div(found, shares, reduction="none").sum(dim=1).mean()
