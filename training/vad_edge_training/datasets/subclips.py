"""Short runs of frames to fit on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset


class SubclipDataset(Dataset[Tensor]):
    """Runs of `length` frames, uint8 (length, H, W, 3), one for every `stride` frames of each clip.

    With jitter a run begins at random within its stride, so that over the epochs every start is seen; the
    choice comes from torch's generator. Clips shorter than `length` give nothing.
    """

    def __init__(
        self, clips: Sequence[NDArray[np.uint8]], length: int, stride: int, *, jitter: bool = False
    ) -> None:
        self._clips = clips
        self._length = length
        self._reach = stride if jitter else 1
        self._starts = [
            (clip, start)
            for clip, frames in enumerate(clips)
            for start in range(0, len(frames) - length + 1, stride)
        ]

    def __len__(self) -> int:
        """How many subclips there are."""
        return len(self._starts)

    def __getitem__(self, place: int) -> Tensor:
        """One subclip."""
        clip, start = self._starts[place]
        frames = self._clips[clip]
        reach = min(self._reach, len(frames) - self._length - start + 1)
        if reach > 1:
            start += int(torch.randint(reach, ()))
        return torch.from_numpy(np.array(frames[start : start + self._length]))
