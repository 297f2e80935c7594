"""Training frames at the model's size and rate, decoded once and kept on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import numpy as np
import platformdirs
from numpy.typing import NDArray

from vad_edge.errors import DataError
from vad_edge.video.frame import resize_into
from vad_edge.video.rate import FrameRateGate
from vad_edge_training.datasets.dataset import Dataset
from vad_edge_training.fit.progress import Progress, silent

MAX_GAP_S = 2.0


def load_frames(
    data: Dataset,
    *,
    height: int,
    width: int,
    fps: float,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> list[NDArray[np.uint8]]:
    """The training clips as memory-mapped uint8 (T, height, width, 3) BGR arrays, one for each clip.

    They are resized and resampled as the runtime does it. cache is where decoded clips are kept, the user's
    cache folder by default. Raises DataError for a clip without frames and for clips of different sizes,
    SourceError for one that cannot be read.
    """
    report = on_progress or silent
    folder = cache or platformdirs.user_cache_path("vad-edge") / "frames"
    key = hashlib.sha256(f"{data.fingerprint} {data.fps} {height}x{width} {fps:g}".encode()).hexdigest()[:24]
    paths = [folder / key / f"{clip.name}.npy" for clip in data.training]
    if not all(path.exists() for path in paths):
        _check_sizes(data)
    clips = []
    for done, (clip, path) in enumerate(zip(data.training, paths, strict=True)):
        report("decoding", done, len(paths))
        if not path.exists():
            images = (image for _, image in _model_frames(data, clip, height, width, fps))
            _store(images, path, clip, (height, width, 3))
        clips.append(np.load(path, mmap_mode="r"))
    report("decoding", len(clips), len(clips))
    return clips


def read_clip(
    data: Dataset, clip: Path, *, height: int, width: int, fps: float
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """One clip as the model sees it, and which frames of the file these are.

    Returns uint8 (T, height, width, 3) BGR and their numbers in the file, (T,), rising.
    """
    images, numbers = [], []
    for number, image in _model_frames(data, clip, height, width, fps):
        images.append(image.copy())
        numbers.append(number)
    return np.array(images, np.uint8).reshape(-1, height, width, 3), np.array(numbers, np.int64)


def _check_sizes(data: Dataset) -> None:
    """Refuse training clips of different sizes: they are of different cameras, or of different settings."""
    seen: tuple[Path, tuple[int, ...]] | None = None
    for clip in data.training:
        with closing(data.frames(clip)) as frames:
            first = next(frames, None)
        if first is None:
            continue
        size = first.image.shape[:2]
        seen = seen or (clip, size)
        if size != seen[1]:
            here, there = ("x".join(str(side) for side in sides) for sides in (size, seen[1]))
            raise DataError(
                f"its frames are {here}, those of {seen[0].name} {there}",
                where=str(clip),
                fix="a model learns one camera: leave out the clips of one size",
            )


def _model_frames(
    data: Dataset, clip: Path, height: int, width: int, fps: float
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The frames the model would see with their numbers in the file, all in one buffer."""
    gate = FrameRateGate(fps, MAX_GAP_S)
    image = np.empty((height, width, 3), np.uint8)
    for number, frame in enumerate(data.frames(clip)):
        if gate.admit(frame.time_s).take:
            resize_into(frame.image, image)
            yield number, image


def _store(frames: Iterator[NDArray[np.uint8]], path: Path, clip: Path, shape: tuple[int, ...]) -> None:
    """Write frames as a .npy file, however many come and without holding more than one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    count = 0
    try:
        with part.open("wb") as stream:
            _write_header(stream, count, shape)
            for image in frames:
                stream.write(image.tobytes())
                count += 1
            stream.seek(0)
            _write_header(stream, count, shape)
        if not count:
            raise DataError("the clip has no frames", where=str(clip), fix="remove it, or record it again")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_header(stream: BinaryIO, count: int, shape: tuple[int, ...]) -> None:
    # numpy leaves room in the header for the first axis to grow, so the second one fits over the first.
    facts = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(stream, facts)
