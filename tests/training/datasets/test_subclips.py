from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from vad_edge_training.datasets.subclips import SubclipDataset


def numbered(count: int) -> np.ndarray:
    """A clip whose frames hold their own number."""
    return np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(3, 3)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(1, 8), st.integers(1, 8), st.booleans()
)
def test_every_subclip_is_a_run_of_one_clip(
    lengths: list[int], length: int, stride: int, jitter: bool
) -> None:
    dataset = SubclipDataset([numbered(count) for count in lengths], length, stride, jitter=jitter)
    expected = sum(max(-(-(count - length + 1) // stride), 0) for count in lengths)
    assert len(dataset) == expected
    for place in range(len(dataset)):
        numbers = dataset[place][:, 0, 0, 0].tolist()
        assert numbers == list(range(numbers[0], numbers[0] + length))


def test_with_jitter_every_start_is_seen_over_the_epochs() -> None:
    dataset = SubclipDataset([numbered(20)], length=4, stride=4, jitter=True)
    torch.manual_seed(0)
    starts = {int(dataset[place][0, 0, 0, 0]) for _ in range(50) for place in range(len(dataset))}
    assert starts == set(range(17))
