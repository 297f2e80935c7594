from __future__ import annotations

import torch
import torch.nn.functional as F

from vad_edge_training.models.layers.residual import DoublingBlock, HalvingBlock


def test_blocks_halve_and_double() -> None:
    assert HalvingBlock(4, 6)(torch.zeros(2, 4, 8, 12)).shape == (2, 6, 4, 6)
    assert DoublingBlock(8, 6)(torch.zeros(2, 8, 4, 6)).shape == (2, 6, 8, 12)


def test_a_doubling_unfolds_channels_into_places() -> None:
    torch.manual_seed(0)
    block = DoublingBlock(4, 2)
    features = torch.randn(1, 4, 2, 2)
    unfolded = torch.zeros(1, 1, 4, 4)
    for channel in range(4):
        unfolded[0, 0, channel // 2 :: 2, channel % 2 :: 2] = features[0, channel]
    expected = F.leaky_relu(block.main(unfolded) + block.shortcut(unfolded))
    torch.testing.assert_close(block(features), expected)
