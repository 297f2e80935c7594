"""The convolutional encoder and decoder that frame-prediction models share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def conv_norm_relu(inputs: int, outputs: int) -> nn.Sequential:
    """A 3 x 3 convolution, batch normalisation and ReLU, at the same size."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())


def _two(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv_norm_relu(inputs, outputs), conv_norm_relu(outputs, outputs))


class Encoder(nn.Module):
    """Features at each scale: two convolutions a level, halved by maximum pooling between them.

    The last level ends in a plain convolution, without normalisation or ReLU (MNAD, Park et al. 2020).
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        *outer, last = widths
        self.levels = nn.ModuleList()
        for width in outer:
            self.levels.append(_two(inputs, width))
            inputs = width
        self.bottleneck = nn.Sequential(conv_norm_relu(inputs, last), nn.Conv2d(last, last, 3, padding=1))
        self.halve = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, inputs, H, W) -> bottleneck (B, widths[-1], H / 2^n, W / 2^n) and n skips, largest first."""
        skips = []
        features = image
        for level in self.levels:
            features = level(features)
            skips.append(features)
            features = self.halve(features)
        return self.bottleneck(features), skips


class Decoder(nn.Module):
    """An image from a bottleneck, doubled by transposed convolutions; skips are joined where there are any.

    widths are the encoder's. with_skips says whether `forward` gets skips. inputs are the bottleneck's
    channels, outputs the image's. There is no output activation.
    """

    def __init__(
        self, inputs: int, widths: Sequence[int], *, with_skips: bool = True, outputs: int = 3
    ) -> None:
        super().__init__()
        *outer, last = widths
        self.mix = _two(inputs, last)
        self.up = nn.ModuleList()
        self.levels = nn.ModuleList()
        for width in reversed(outer):
            self.up.append(
                nn.Sequential(
                    nn.ConvTranspose2d(last, width, 3, stride=2, padding=1, output_padding=1),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                )
            )
            self.levels.append(_two(2 * width if with_skips else width, width))
            last = width
        self.head = nn.Conv2d(last, outputs, 3, padding=1)

    def forward(self, features: Tensor, skips: Sequence[Tensor] = ()) -> Tensor:
        """(B, inputs, h, w) and the skips, largest first -> (B, outputs, 2^n h, 2^n w)."""
        features = self.mix(features)
        waiting = list(skips)
        for up, level in zip(self.up, self.levels, strict=True):
            features = up(features)
            features = level(torch.cat((features, waiting.pop()), dim=1) if waiting else features)
        image: Tensor = self.head(features)
        return image
