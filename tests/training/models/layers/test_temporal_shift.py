from __future__ import annotations

import torch
import torch.nn.functional as F

from vad_edge_training.models.layers.temporal_shift import ResidualTemporalShift, temporal_shift


def test_channels_move_a_frame_and_nothing_wraps_around() -> None:
    frames = torch.arange(1.0, 1 + 2 * 3 * 8).view(6, 8, 1, 1)
    shifted = temporal_shift(frames, length=3).view(2, 3, 8)
    clips = frames.view(2, 3, 8)
    for clip in range(2):
        for frame in range(3):
            before = clips[clip, frame - 1, 0] if frame else 0.0
            after = clips[clip, frame + 1, 1] if frame < 2 else 0.0
            assert shifted[clip, frame, 0] == before
            assert shifted[clip, frame, 1] == after
            assert torch.equal(shifted[clip, frame, 2:], clips[clip, frame, 2:])


def test_the_block_is_eq_1() -> None:
    torch.manual_seed(0)
    block = ResidualTemporalShift(8, length=2)
    q = torch.randn(4, 8, 3, 3)
    inner = F.leaky_relu(F.conv2d(temporal_shift(q, 2), block.first.weight, block.first.bias, padding=1))
    expected = F.leaky_relu(q + F.conv2d(inner, block.second.weight, block.second.bias, padding=1))
    torch.testing.assert_close(block(q), expected)
