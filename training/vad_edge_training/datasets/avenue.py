"""CUHK Avenue as its authors distribute it: .avi clips, masks in MATLAB files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import DataError
from vad_edge_training.datasets.dataset import Dataset, is_clip

_LABELS = ("testing_label_mask", "ground_truth_demo/testing_label_mask")


@dataclass(frozen=True)
class Avenue(Dataset):
    """``training_videos/01.avi``, ``testing_videos/01.avi``, masks in ``testing_label_mask/1_label.mat``.

    The masks' folder may lie in ``ground_truth_demo`` as in the download; frame labels come from the masks.
    """

    @cached_property
    def training(self) -> list[Path]:
        """The clips of normal life, in order of their names."""
        return self._clips("training_videos")

    @cached_property
    def testing(self) -> list[Path]:
        """The labelled clips, in order of their names."""
        return self._clips("testing_videos")

    @property
    def name(self) -> str:
        """The dataset's name."""
        return "avenue"

    @property
    def fps(self) -> None:
        """Each video says its own."""
        return

    def labels(self, clip: Path) -> NDArray[np.bool_]:
        """Which frames of a testing clip are abnormal, (T,)."""
        return np.asarray(self.masks(clip).any(axis=(1, 2)))

    def masks(self, clip: Path) -> NDArray[np.bool_]:
        """Which pixels of a testing clip are abnormal, (T, H, W)."""
        if not clip.stem.isdigit():
            raise DataError("testing clips are numbered, as 01.avi", where=str(clip))
        name = f"{int(clip.stem)}_label.mat"
        for folder in _LABELS:
            if (path := self.root / folder / name).exists():
                return read_volume(path)
        raise DataError(f"no {name}", where=str(self.root), fix=f"put it into {_LABELS[0]}/")

    def _clips(self, part: str) -> list[Path]:
        clips = sorted(path for path in (self.root / part).iterdir() if is_clip(path))
        if not clips:
            raise DataError("there is no clip", where=str(self.root / part), fix="unpack the dataset again")
        return clips


def read_volume(path: Path) -> NDArray[np.bool_]:
    """The masks of a MATLAB file, whose ``volLabel`` holds one (H, W) array a frame: (T, H, W).

    Raises DataError for another file.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        cells = loadmat(path)["volLabel"].ravel()
        return np.stack([np.asarray(cell) > 0 for cell in cells])
    except (KeyError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise DataError(f"not a file of masks ({error})", where=str(path)) from error
