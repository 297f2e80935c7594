"""Which dataset lies in a folder."""

from __future__ import annotations

from pathlib import Path

from vad_edge_training.datasets.avenue import Avenue
from vad_edge_training.datasets.clips import ClipFolder
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.datasets.shanghaitech import ShanghaiTech
from vad_edge_training.datasets.ucsd import Ucsd

_LAYOUTS: tuple[tuple[type[Dataset], tuple[str, ...]], ...] = (
    (Ucsd, ("Train", "Test")),
    (Avenue, ("training_videos", "testing_videos")),
    (ShanghaiTech, ("training/videos", "testing/frames")),
)


def open_dataset(root: Path) -> Dataset:
    """The dataset in a folder, by the folders in it; a plain clip folder unless it is a published one's."""
    for layout, folders in _LAYOUTS:
        if all((root / folder).is_dir() for folder in folders):
            return layout(root)
    return ClipFolder(root)
