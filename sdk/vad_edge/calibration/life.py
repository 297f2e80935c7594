"""Hours of real scores in a small file: normal life to resample, of which no picture can be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO, Final

import numpy as np

from vad_edge.bundle.calibration import SUM_OF_ALL, Joining
from vad_edge.calibration.footage import Stretch
from vad_edge.errors import DataError

_STEPS: Final = 254
_SMALLEST: Final = 1e-3


@dataclass(frozen=True, slots=True)
class RecordedLife:
    """Raw scores of one camera's normal life, at `fps`; about says where they come from.

    joining is how the graph that scored it joins its cues.
    """

    cues: tuple[str, ...]
    fps: float
    stretches: tuple[Stretch, ...]
    about: str
    joining: Joining = SUM_OF_ALL


def write_life(path: Path, life: RecordedLife) -> None:
    """Store scores, which must not be negative, as one byte each: logarithmic, a few per cent apart."""
    rows = np.log(np.concatenate([stretch.scores for stretch in life.stretches]) + _SMALLEST)
    lowest, highest = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    scaled = np.round((rows - lowest) / np.maximum(highest - lowest, 1e-9) * _STEPS) + 1
    np.savez_compressed(
        path,
        scores=np.where(np.isfinite(scaled), scaled, 0).astype(np.uint8),
        lengths=np.array([len(stretch.time_s) for stretch in life.stretches]),
        clips=np.array([stretch.clip for stretch in life.stretches]),
        range=np.stack([lowest, highest]),
        cues=np.array(life.cues),
        fps=np.array(life.fps),
        about=np.array(life.about),
        joining=np.array(life.joining.model_dump_json()),
    )


def read_life(source: Path | IO[bytes]) -> RecordedLife:
    """Read what `write_life` stored. Raises DataError for anything else."""
    try:
        with np.load(source, allow_pickle=False) as stored:
            codes, lengths, clips = stored["scores"], stored["lengths"], stored["clips"].tolist()
            lowest, highest = stored["range"]
            cues: Sequence[str] = stored["cues"].tolist()
            fps, about = float(stored["fps"]), str(stored["about"])
            # What was stored before it was kept sums up all cues.
            joining = (
                Joining.model_validate_json(str(stored["joining"])) if "joining" in stored else SUM_OF_ALL
            )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"it holds no recorded scores ({error})", where=str(source)) from error
    rows = np.exp(lowest + (codes - 1.0) / _STEPS * (highest - lowest)) - _SMALLEST
    rows[codes == 0] = np.nan
    parts = np.split(rows, np.cumsum(lengths)[:-1])
    stretches = [
        Stretch(clip, np.arange(len(part)) / fps, part) for clip, part in zip(clips, parts, strict=True)
    ]
    return RecordedLife(tuple(cues), fps, tuple(stretches), about, joining)


def shipped_life() -> RecordedLife:
    """The life that comes with the package: a room of a home by day and by night."""
    with (files("vad_edge.calibration") / "room.npz").open("rb") as stream:
        return read_life(stream)
