"""ShanghaiTech Campus as its authors distribute it: training videos, testing frames, .npy masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import DataError
from vad_edge_training.datasets.dataset import Dataset, clip_name, is_clip
from vad_edge_training.datasets.masks import read_array, same_length


@dataclass(frozen=True)
class ShanghaiTech(Dataset):
    """``training/videos/01_001.avi``, ``testing/frames/01_0014/000.jpg``, labels and masks as .npy files.

    Labels lie in ``testing/test_frame_mask``, masks in ``testing/test_pixel_mask``.
    """

    @cached_property
    def training(self) -> list[Path]:
        """The clips of normal life, in order of their names."""
        return self._clips("training/videos")

    @cached_property
    def testing(self) -> list[Path]:
        """The labelled clips, in order of their names."""
        return self._clips("testing/frames")

    @property
    def name(self) -> str:
        """The dataset's name."""
        return "shanghaitech"

    @property
    def fps(self) -> float:
        """The authors' frame rate; image folders have none of their own."""
        return 24.0

    def labels(self, clip: Path) -> NDArray[np.bool_]:
        """Which frames of a testing clip are abnormal, (T,)."""
        return read_array(self.root / "testing" / "test_frame_mask" / f"{clip_name(clip)}.npy").ravel() > 0

    def masks(self, clip: Path) -> NDArray[np.bool_] | None:
        """Which pixels of a testing clip are abnormal, (T, H, W); None where there are no masks."""
        path = self.root / "testing" / "test_pixel_mask" / f"{clip_name(clip)}.npy"
        if not path.exists():
            return None
        return same_length(read_array(path) > 0, self.labels(clip), clip)

    def _clips(self, part: str) -> list[Path]:
        folder = self.root / part
        clips = sorted(path for path in folder.iterdir() if is_clip(path)) if folder.is_dir() else []
        if not clips:
            raise DataError("there is no clip", where=str(folder), fix="unpack the dataset again")
        return clips
