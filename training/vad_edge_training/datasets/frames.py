"""Training frames at the model's size and rate, decoded once and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from vad_edge.clock import MediaClock
from vad_edge.errors import DataError
from vad_edge.video.resample import FrameRateGate
from vad_edge.video.resize import resize_into
from vad_edge.video.source import open_source
from vad_edge_training.datasets.clips import ClipFolder

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

MAX_GAP_S = 2.0


def load_frames(
    data: ClipFolder,
    *,
    height: int,
    width: int,
    fps: float,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> list[NDArray[np.uint8]]:
    """The training clips as memory-mapped uint8 (T, height, width, 3) BGR arrays, one for each clip.

    They are resized and resampled as the runtime does it. cache is where decoded clips are kept, the user's
    cache folder by default. Raises DataError for a clip without frames, SourceError for one that cannot be
    read.
    """
    folder = cache or platformdirs.user_cache_path("vad-edge") / "frames"
    key = hashlib.sha256(f"{data.fingerprint} {height}x{width} {fps:g}".encode()).hexdigest()[:24]
    clips = []
    for done, clip in enumerate(data.training):
        if on_progress is not None:
            on_progress("decoding", done, len(data.training))
        path = folder / key / f"{clip.name}.npy"
        if not path.exists():
            _decode(clip, path, height, width, fps, data.fps)
        clips.append(np.load(path, mmap_mode="r"))
    return clips


def _decode(clip: Path, path: Path, height: int, width: int, fps: float, source_fps: float | None) -> None:
    gate = FrameRateGate(fps, MAX_GAP_S)
    source = open_source(str(clip), MediaClock(), fps=source_fps)
    frames = []
    try:
        while (frame := source.read()) is not None:
            if gate.admit(frame.time_s).take:
                frames.append(np.empty((height, width, 3), np.uint8))
                resize_into(frame.image, frames[-1])
    finally:
        source.close()
    if not frames:
        raise DataError("the clip has no frames", where=str(clip), fix="remove it, or record it again")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npy")
    np.save(part, np.stack(frames))
    part.rename(path)


class SubclipDataset(Dataset[Tensor]):
    """Runs of `length` frames, uint8 (length, H, W, 3), beginning at every `stride`-th frame of each clip."""

    def __init__(self, clips: list[NDArray[np.uint8]], length: int, stride: int) -> None:
        self._clips = clips
        self._length = length
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
        return torch.from_numpy(np.array(self._clips[clip][start : start + self._length]))
