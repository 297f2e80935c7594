"""What an exporter needs of a clip folder: unseen clips and frames."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.manifest import Clock
from vad_edge.clock import MediaClock
from vad_edge.errors import DataError
from vad_edge.video.frame import resize_into
from vad_edge.video.open import open_source
from vad_edge.video.rate import FrameRateGate
from vad_edge_training.fit.split import HELD_OUT, spread


@dataclass(frozen=True, slots=True)
class UnseenFootage:
    """Clips to calibrate on, and the share of each one's beginning to leave out; notes are for people."""

    clips: Sequence[Path]
    skip: float = 0.0
    notes: tuple[str, ...] = ()


def unseen_footage(clips: Sequence[Path], fitted: Collection[str] | None) -> UnseenFootage:
    """What of `clips` the model was not fitted on; all of them, with a note, where that is nothing.

    fitted: file names of the clips it was fitted on, None where that is not known.
    """
    unseen = [clip for clip in clips if fitted is not None and clip.name not in fitted]
    if unseen:
        return UnseenFootage(unseen)
    if fitted is not None and len(clips) == 1:
        return UnseenFootage(clips, skip=1 - HELD_OUT, notes=("calibrated on the end of the only clip",))
    note = "calibrated on the clips the model was fitted on: what it has not seen will look rarer than it is"
    return UnseenFootage(clips, notes=(note,))


def sample_frames(
    clips: Sequence[Path], *, height: int, width: int, fps: float | None, limit: int
) -> NDArray[np.uint8]:
    """The first frames of each clip, `limit` in all, as uint8 (N, height, width, 3) BGR.

    Raises SourceError for a clip that cannot be read, DataError where there is no frame at all.
    """
    frames: list[NDArray[np.uint8]] = []
    share = -(-limit // max(len(clips), 1))
    for clip in clips:
        source = open_source(str(clip), MediaClock(), fps=fps)
        try:
            for _ in range(min(share, limit - len(frames))):
                frame = source.read()
                if frame is None:
                    break
                frames.append(np.empty((height, width, 3), np.uint8))
                resize_into(frame.image, frames[-1])
        finally:
            source.close()
    if not frames:
        raise DataError("there are no frames to compare the graph on", fix="give clips of the same scene")
    return np.stack(frames)


def read_sequences(
    clips: Sequence[Path],
    clock: Clock,
    *,
    size: tuple[int, int],
    fps: float | None,
    shortest: int,
    longest: int,
    most: int,
) -> list[NDArray[np.uint8]]:
    """The beginnings of clips at the model's rate, `shortest` to `longest` frames each.

    Each is uint8 (T, H, W, 3) BGR; size is H and W. They come from `most` clips, spread evenly over all: day
    and night are both in. Clips that are too short are passed over. Raises SourceError for a clip that cannot
    be read, DataError where all are too short and where their frames differ in size.
    """
    chosen = [clips[place] for place in spread(len(clips), most)]
    sequences = []
    first: tuple[str, tuple[int, ...]] | None = None
    for clip in chosen:
        gate = FrameRateGate(clock.fps, clock.max_gap_s)
        frames = np.empty((longest, *size, 3), np.uint8)
        taken = 0
        source = open_source(str(clip), MediaClock(), fps=fps)
        try:
            while taken < longest and (frame := source.read()) is not None:
                first = first or (clip.name, frame.image.shape[:2])
                _check_size(clip, frame.image.shape[:2], *first)
                if gate.admit(frame.time_s).take:
                    resize_into(frame.image, frames[taken])
                    taken += 1
        finally:
            source.close()
        if taken >= shortest:
            sequences.append(frames[:taken])
    if not sequences:
        raise DataError(
            f"no clip has {shortest} frames at {clock.fps:g} a second",
            where=str(chosen[0].parent),
            fix="give longer clips of the scene's normal life",
        )
    return sequences


def read_pieces(
    clips: Sequence[Path],
    clock: Clock,
    *,
    size: tuple[int, int],
    fps: float | None,
    skip: float,
    shortest: int,
    longest: int,
    most: int,
) -> Iterator[NDArray[np.uint8]]:
    """Pieces of clips at the model's rate, at most `most`, spread evenly over all; one at a time.

    Each is uint8 (T, H, W, 3) BGR, T being `longest` or what the longest clip has; size is H and W. The first
    `skip` share of each clip is passed over. None come where no clip has `shortest` frames. Raises
    SourceError for a clip that cannot be read.
    """
    counts = [sum(1 for _ in _admitted(clip, clock, fps)) for clip in clips]
    begins = [round(count * skip) for count in counts]
    left = [count - begin for count, begin in zip(counts, begins, strict=True)]
    length = min(longest, max(left, default=0))
    if length < shortest:
        return
    places = [
        (clip, start)
        for clip, (count, begin) in enumerate(zip(counts, begins, strict=True))
        for start in range(begin, count - length + 1, length)
    ]
    chosen = [places[place] for place in spread(len(places), most)]
    for clip in dict.fromkeys(clip for clip, _ in chosen):
        starts = [start for other, start in chosen if other == clip]
        yield from _cut(_admitted(clips[clip], clock, fps), starts, length, size)


def _cut(
    images: Iterator[NDArray[np.uint8]], starts: Sequence[int], length: int, size: tuple[int, int]
) -> Iterator[NDArray[np.uint8]]:
    for number, image in enumerate(images):
        if number in starts:
            piece = np.empty((length, *size, 3), np.uint8)
            begin = number
        if starts[0] <= number and number - begin < length:
            resize_into(image, piece[number - begin])
            if number - begin == length - 1:
                yield piece
                if begin == starts[-1]:
                    return


def _admitted(clip: Path, clock: Clock, fps: float | None) -> Generator[NDArray[np.uint8], None, None]:
    """A clip's images at the model's rate."""
    gate = FrameRateGate(clock.fps, clock.max_gap_s)
    source = open_source(str(clip), MediaClock(), fps=fps)
    try:
        while (frame := source.read()) is not None:
            if gate.admit(frame.time_s).take:
                yield frame.image
    finally:
        source.close()


def _check_size(clip: Path, size: tuple[int, ...], other: str, expected: tuple[int, ...]) -> None:
    if size != expected:
        here, there = ("x".join(str(side) for side in sides) for sides in (size, expected))
        raise DataError(
            f"its frames are {here}, those of {other} {there}",
            where=str(clip),
            fix="a model learns one camera: leave out the clips of one size",
        )
