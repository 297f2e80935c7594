"""UCSD Ped1 and Ped2 as their authors distribute them: folders of .tif frames, masks in `_gt` folders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import DataError
from vad_edge_training.datasets.dataset import Dataset, files_of, is_clip
from vad_edge_training.datasets.masks import same_length

_ENTRY = re.compile(r"TestVideoFile\{end\+1\}\.gt_frame\s*=\s*\[([^\]]*)\]")
_RANGE = re.compile(r"(\d+)\s*:\s*(\d+)|(\d+)")


@dataclass(frozen=True)
class Ucsd(Dataset):
    """``Train/Train001/*.tif``, ``Test/Test001/*.tif``, masks in ``Test/Test001_gt/*.bmp``.

    Frame labels come from ``Test/*.m``, MATLAB's ranges from 1, or where it is missing from the masks. Only
    some clips of Ped1 have masks.
    """

    @cached_property
    def training(self) -> list[Path]:
        """The clips of normal life, in order of their names."""
        return self._clips("Train")

    @cached_property
    def testing(self) -> list[Path]:
        """The labelled clips, in order of their names."""
        return self._clips("Test")

    @property
    def name(self) -> str:
        """The folder's name, such as UCSDped2."""
        return self.root.resolve().name

    @property
    def fps(self) -> float:
        """The authors' frame rate."""
        return 10.0

    def labels(self, clip: Path) -> NDArray[np.bool_]:
        """Which frames of a testing clip are abnormal, (T,)."""
        if self._ranges:
            place = self.testing.index(clip)
            if place >= len(self._ranges):
                raise DataError(
                    f"labels for {len(self._ranges)} clips, this is number {place + 1}", where=str(clip)
                )
            return frame_flags(self._ranges[place], len(files_of(clip)), clip)
        masks = self._masks(clip)
        if masks is None:
            raise DataError("neither Test/*.m nor masks label it", where=str(clip))
        return np.asarray(masks.any(axis=(1, 2)))

    def masks(self, clip: Path) -> NDArray[np.bool_] | None:
        """Which pixels of a testing clip are abnormal, (T, H, W); None for a clip without masks."""
        masks = self._masks(clip)
        return None if masks is None else same_length(masks, self.labels(clip), clip)

    @cached_property
    def _ranges(self) -> list[str]:
        for path in sorted((self.root / "Test").glob("*.m")):
            found = _ENTRY.findall(path.read_text(encoding="utf-8", errors="replace"))
            if found:
                return list(found)
        return []

    def _masks(self, clip: Path) -> NDArray[np.bool_] | None:
        folder = clip.with_name(f"{clip.name}_gt")
        if not folder.is_dir():
            return None
        images = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files_of(folder)]
        if not images or any(image is None for image in images):
            raise DataError("a mask cannot be read", where=str(folder), fix="unpack the dataset again")
        return np.stack([np.asarray(image) > 0 for image in images])

    def _clips(self, part: str) -> list[Path]:
        clips = sorted(
            path
            for path in (self.root / part).iterdir()
            if is_clip(path) and path.is_dir() and not path.name.endswith("_gt")
        )
        if not clips:
            raise DataError("there is no clip", where=str(self.root / part), fix="unpack the dataset again")
        return clips


def frame_flags(ranges: str, frames: int, clip: Path) -> NDArray[np.bool_]:
    """Labels (T,) from MATLAB's ranges, such as ``60:152, 160``, that count from 1 and include the end.

    Raises DataError for a frame there is not.
    """
    flags = np.zeros(frames, np.bool_)
    for begin, end, single in _RANGE.findall(ranges):
        first, last = (int(single), int(single)) if single else (int(begin), int(end))
        if not 1 <= first <= last <= frames:
            raise DataError(f"labels for frames {first} to {last} of {frames}", where=str(clip))
        flags[first - 1 : last] = True
    return flags
