from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vad_edge_training.models.layers.window_attention import (
    MASKED,
    ShiftedWindowBlock,
    WindowAttention,
    join_windows,
    relative_places,
    shift_mask,
    split_windows,
)


def test_windows_hold_all_frames_of_a_square_and_can_be_joined_again() -> None:
    features = torch.randn(2, 2, 4, 6, 3)
    windows = split_windows(features, side=2)
    assert windows.shape == (2 * 2 * 3, 2 * 2 * 2, 3)
    torch.testing.assert_close(windows[1], features[0, :, 0:2, 2:4].reshape(8, 3))
    torch.testing.assert_close(join_windows(windows, (2, 4, 6), side=2), features)


def test_attention_is_that_of_every_pair_with_its_relative_bias() -> None:
    torch.manual_seed(0)
    layer = WindowAttention(channels=4, heads=2, length=1, side=2).double()
    window = torch.randn(1, 4, 4).double()
    found = layer(window, None).detach().numpy()[0]
    parts = layer.inputs(window).detach().numpy()[0].reshape(4, 3, 2, 2)
    bias, places = layer.bias.detach().numpy(), layer.places.numpy()
    mixed = np.zeros((4, 2, 2))
    for head in range(2):
        query, key, value = (parts[:, part, head] for part in range(3))
        for place in range(4):
            logits = [
                query[place] @ key[other] / np.sqrt(2) + bias[places[place, other], head]
                for other in range(4)
            ]
            share = np.exp(logits) / np.exp(logits).sum()
            mixed[place, head] = share @ value
    weight, offset = layer.output.weight.detach().numpy(), layer.output.bias.detach().numpy()
    np.testing.assert_allclose(found, mixed.reshape(4, 4) @ weight.T + offset, atol=1e-9)


def test_pairs_equally_far_apart_share_their_bias() -> None:
    places = relative_places(length=2, side=2)
    assert places[0, 1] == places[2, 3]
    assert places[0, 1] != places[1, 0]
    assert len(places.unique()) == 3 * 3 * 3
    assert int(places.min()) == 0
    assert int(places.max()) == 26


def test_after_a_shift_only_true_neighbours_attend_to_each_other() -> None:
    size, side, shift = (1, 4, 4), 2, 1
    mask = shift_mask(size, side, shift)
    place = torch.arange(16.0).view(1, 1, 4, 4, 1)
    windows = split_windows(torch.roll(place, (-shift, -shift), dims=(2, 3)), side).squeeze(-1)
    for window, numbers in enumerate(windows):
        for one, other in np.ndindex(4, 4):
            rows = abs(int(numbers[one]) // 4 - int(numbers[other]) // 4)
            columns = abs(int(numbers[one]) % 4 - int(numbers[other]) % 4)
            near = rows < side and columns < side
            assert mask[window, one, other] == (0.0 if near else MASKED)


def far_change(block: ShiftedWindowBlock) -> Tensor:
    """How much each place changes when the one in the corner does."""
    features = torch.randn(1, 1, 4, 4, 4)
    other = features.clone()
    other[:, :, 0, 0, 0] += 1.0
    with torch.no_grad():
        return (block(features) - block(other)).abs().sum(dim=(0, 1, 4))


def test_shifted_windows_cross_the_borders_of_plain_ones_but_not_the_edge() -> None:
    torch.manual_seed(0)
    plain = far_change(ShiftedWindowBlock(4, 2, (1, 4, 4), 2, shifted=False))
    shifted = far_change(ShiftedWindowBlock(4, 2, (1, 4, 4), 2, shifted=True))
    assert {tuple(place) for place in (plain > 1e-6).nonzero().tolist()} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {tuple(place) for place in (shifted > 1e-6).nonzero().tolist()} == {(0, 0)}
