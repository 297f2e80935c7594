from __future__ import annotations

import torch

from vad_edge_training.models.layers.unet import Decoder, Encoder


def test_an_encoder_halves_and_a_decoder_doubles() -> None:
    encoder, decoder = Encoder(12, (4, 8, 16)), Decoder(32, (4, 8, 16))
    features, skips = encoder(torch.zeros(2, 12, 16, 24))
    assert features.shape == (2, 16, 4, 6)
    assert [skip.shape for skip in skips] == [(2, 4, 16, 24), (2, 8, 8, 12)]
    assert decoder(torch.cat((features, features), dim=1), skips).shape == (2, 3, 16, 24)


def test_a_decoder_without_skips_asks_for_none() -> None:
    assert Decoder(8, (4, 8), with_skips=False)(torch.zeros(1, 8, 4, 4)).shape == (1, 3, 8, 8)


def test_the_bottleneck_may_be_negative() -> None:
    """It ends in a plain convolution: features are compared by angle."""
    torch.manual_seed(0)
    features, _ = Encoder(3, (4, 8))(torch.randn(1, 3, 8, 8))
    assert float(features.detach().min()) < 0 < float(features.detach().max())
