"""Hours of scores and of what sensors said, in a file: normal life to resample, and no picture in it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.calibration import SUM_OF_ALL, Joining
from vad_edge.calibration.scores import Stretch
from vad_edge.calibration.tails import FloatArray
from vad_edge.common.explain import system_errors_as
from vad_edge.common.files import write_atomically
from vad_edge.errors import DataError

_STEPS: Final = 254
_SMALLEST: Final = 1e-3


@dataclass(frozen=True, slots=True)
class RecordedScores:
    """Raw scores of one camera's normal life, at `fps`; about says where they come from.

    streams are the sensors that were heard with it, the columns of the stretches' `heard`; joining is how
    the graph that scored it joins its cues.
    """

    cues: tuple[str, ...]
    fps: float
    stretches: tuple[Stretch, ...]
    about: str
    streams: tuple[str, ...] = ()
    joining: Joining = SUM_OF_ALL


def write_recorded_scores(path: Path, recorded: RecordedScores, *, small: bool = False) -> None:
    """Store recorded scores. Raises DataError where it cannot be written.

    With small each score, which must not be negative then, is one byte: logarithmic, a few per cent apart.
    """
    rows = np.concatenate([stretch.scores for stretch in recorded.stretches])
    scores, scale = _coded(rows) if small else (rows.astype(np.float32), np.zeros((2, rows.shape[1])))
    stored = io.BytesIO()
    np.savez_compressed(
        stored,
        scores=scores,
        heard=_heard(recorded),
        streams=np.array(recorded.streams, np.str_),
        lengths=np.array([len(stretch.time_s) for stretch in recorded.stretches]),
        clips=np.array([stretch.clip for stretch in recorded.stretches]),
        range=scale,
        cues=np.array(recorded.cues),
        fps=np.array(recorded.fps),
        about=np.array(recorded.about),
        joining=np.array(recorded.joining.model_dump_json()),
    )
    with system_errors_as(DataError, "cannot be written", path, fix="choose another place"):
        write_atomically(path, stored.getvalue())


def read_recorded_scores(source: Path | IO[bytes]) -> RecordedScores:
    """Read what `write_recorded_scores` stored. Raises DataError for anything else."""
    try:
        with np.load(source, allow_pickle=False) as stored:
            codes, lengths, clips = stored["scores"], stored["lengths"], stored["clips"].tolist()
            scale = stored["range"]
            cues: Sequence[str] = stored["cues"].tolist()
            fps, about = float(stored["fps"]), str(stored["about"])
            # What was stored before it was kept sums up all cues.
            joining = (
                Joining.model_validate_json(str(stored["joining"])) if "joining" in stored else SUM_OF_ALL
            )
            # What was stored before there were sensors in it has neither.
            streams: Sequence[str] = stored["streams"].tolist() if "streams" in stored else ()
            heard = stored["heard"].astype(np.float64) if streams else None
            rows = _decoded(codes, scale) if codes.dtype == np.uint8 else codes.astype(np.float64)
            parts = np.split(np.arange(len(rows)), np.cumsum(lengths)[:-1])
            stretches = [
                Stretch(clip, np.arange(len(part)) / fps, rows[part], None if heard is None else heard[part])
                for clip, part in zip(clips, parts, strict=True)
            ]
    except (OSError, ValueError, KeyError, EOFError, IndexError, BadZipFile) as error:
        raise DataError(
            "it holds no recorded scores",
            where=str(source),
            fix="give a file that `calibrate --recorded-scores` wrote",
        ) from error
    return RecordedScores(tuple(cues), fps, tuple(stretches), about, tuple(streams), joining)


def _coded(rows: FloatArray) -> tuple[NDArray[np.uint8], FloatArray]:
    """Scores as bytes, 0 for none, and what their smallest and largest stand for."""
    logs = np.log(rows + _SMALLEST)
    lowest, highest = np.nanmin(logs, axis=0), np.nanmax(logs, axis=0)
    scaled = np.round((logs - lowest) / np.maximum(highest - lowest, 1e-9) * _STEPS) + 1
    return np.where(np.isfinite(scaled), scaled, 0).astype(np.uint8), np.stack([lowest, highest])


def _decoded(codes: NDArray[np.uint8], scale: FloatArray) -> FloatArray:
    lowest, highest = scale
    rows = np.exp(lowest + (codes - 1.0) / _STEPS * (highest - lowest)) - _SMALLEST
    rows[codes == 0] = np.nan
    return np.asarray(rows)


def _heard(recorded: RecordedScores) -> NDArray[np.float32]:
    """What each stream added at each frame, (T, S)."""
    heard = (
        np.full((len(part.time_s), len(recorded.streams)), np.nan) if part.heard is None else part.heard
        for part in recorded.stretches
    )
    return np.concatenate([*heard]).astype(np.float32)


def shipped_scores() -> RecordedScores:
    """The scores that come with the package: a room of a home by day and by night."""
    with (files("vad_edge.calibration") / "room.npz").open("rb") as stream:
        return read_recorded_scores(stream)
