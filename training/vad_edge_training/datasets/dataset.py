"""What every dataset on disk offers, whatever its layout."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vad_edge.clock import MediaClock
from vad_edge.video.folder import VIDEO_SUFFIXES
from vad_edge.video.frame import Frame
from vad_edge.video.images import SUFFIXES as IMAGE_SUFFIXES
from vad_edge.video.open import open_source

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset(ABC):
    """Clips of normal life to train on, and labelled clips to test on, under one folder.

    A clip is a video file or a folder of images. What does not fit raises DataError when asked for.
    """

    root: Path

    @property
    @abstractmethod
    def training(self) -> list[Path]:
        """The clips of normal life, in order of their names."""

    @property
    @abstractmethod
    def testing(self) -> list[Path]:
        """The labelled clips, in order of their names."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the dataset is called."""

    @property
    @abstractmethod
    def fps(self) -> float | None:
        """The frame rate of all clips; None lets each clip say its own."""

    @property
    def synthetic(self) -> bool:
        """Whether the footage was rendered and not filmed."""
        return False

    @abstractmethod
    def labels(self, clip: Path) -> NDArray[np.bool_]:
        """Which frames of a testing clip are abnormal, (T,)."""

    def masks(self, clip: Path) -> NDArray[np.bool_] | None:
        """Which pixels of a testing clip are abnormal, (T, H, W); None where there are no masks."""
        return None

    @cached_property
    def fingerprint(self) -> str:
        """A sha256 over names, sizes and contents of the training clips' files."""
        digest = hashlib.sha256()
        for clip in self.training:
            for file in files_of(clip):
                name = file.relative_to(self.root).as_posix()
                digest.update(f"{name}\0{file.stat().st_size}\0{_sha256(file)}\n".encode())
        return digest.hexdigest()

    def frames(self, clip: Path) -> Generator[Frame, None, None]:
        """The frames of a clip, one after another. Raises SourceError for a clip that cannot be read."""
        source = open_source(str(clip), MediaClock(), fps=self.fps)
        try:
            while (frame := source.read()) is not None:
                yield frame
            if source.truncated:
                _log.warning("%s", source.truncated)
        finally:
            source.close()


def is_clip(path: Path) -> bool:
    """Whether a path is a video file or a folder of images, and not hidden."""
    if path.name.startswith("."):
        return False
    return path.suffix.lower() in VIDEO_SUFFIXES or (path.is_dir() and bool(files_of(path)))


def clip_name(clip: Path) -> str:
    """What labels and results call a clip: its name, without the suffix of a video file."""
    return clip.name if clip.is_dir() else clip.stem


def files_of(clip: Path) -> list[Path]:
    """The files a clip consists of: the video, or its images in order."""
    if clip.is_file():
        return [clip]
    return sorted(path for path in clip.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
