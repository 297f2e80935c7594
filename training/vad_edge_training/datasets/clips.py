"""A dataset on disk: clips of normal life to train on, labelled clips to test on."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import DataError
from vad_edge.video.folder import VIDEO_SUFFIXES
from vad_edge_training.datasets.dataset import Dataset, clip_name, is_clip
from vad_edge_training.datasets.masks import read_archive, same_length, unpack

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class ClipFolder(Dataset):
    """A folder with ``training/``, and for evaluation ``testing/`` and ``labels.csv``.

    A clip is a video file or a folder of images. ``labels.csv`` has the columns clip, frame0 and abnormal,
    one row for every frame of every testing clip. ``dataset.toml`` may name the dataset, give the frame rate
    of all clips and say that it is synthetic. Pixel masks, where there are any, lie in ``masks/CLIP.npz``
    (``masks`` packed along the width, and the ``width``) or for all testing clips in ``masks.npz``
    (``masks_packbits``, one clip after another). Whatever does not fit raises DataError when asked for.
    """

    @cached_property
    def training(self) -> list[Path]:
        """The clips of normal life, in order of their names."""
        clips = self._clips("training")
        if not clips:
            raise DataError(
                "there is no clip to train on",
                where=str(self.root / "training"),
                fix="record normal life with `vad-edge record`, or put image folders or videos there:"
                f" {', '.join(VIDEO_SUFFIXES)}",
            )
        return clips

    @cached_property
    def testing(self) -> list[Path]:
        """The labelled clips, in order of their names."""
        clips = self._clips("testing")
        if not clips:
            raise DataError(
                "there is no clip to test on",
                where=str(self.root / "testing"),
                fix="an evaluation needs testing/ and labels.csv",
            )
        seen: dict[str, Path] = {}
        for clip in clips:
            other = seen.setdefault(_label_key(clip), clip)
            if other != clip:
                raise DataError(
                    f"{other.name} and {clip.name} would share their labels",
                    where=str(self.root / "testing"),
                    fix="give every clip a name of its own, whatever the suffix",
                )
        return clips

    @property
    def name(self) -> str:
        """What the dataset calls itself, its folder's name otherwise."""
        return str(self._facts.get("name", self.root.resolve().name))

    @property
    def synthetic(self) -> bool:
        """Whether the footage was rendered and not filmed."""
        given = self._facts.get("synthetic", False)
        if not isinstance(given, bool):
            raise DataError(
                f"synthetic: {given!r} is neither true nor false",
                where=str(self.root / "dataset.toml"),
                fix="write synthetic = true, without quotes",
            )
        return given

    @property
    def fps(self) -> float | None:
        """The frame rate of all clips; None lets each clip say its own."""
        given = self._facts.get("fps")
        if given is None:
            return None
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if not (number and 0 < given < math.inf):
            raise DataError(
                f"fps: {given!r} is not a frame rate",
                where=str(self.root / "dataset.toml"),
                fix="give frames a second, for instance fps = 10",
            )
        return float(given)

    def labels(self, clip: Path) -> NDArray[np.bool_]:
        """Which frames of a testing clip are abnormal, (T,)."""
        key = _label_key(clip)
        if key not in self._labels:
            raise DataError(
                f"no labels for clip {clip.name}",
                where=str(self._labels_path),
                fix="label every testing clip",
            )
        return self._labels[key]

    def masks(self, clip: Path) -> NDArray[np.bool_] | None:
        """Which pixels of a testing clip are abnormal, (T, H, W); None where there are no masks."""
        own = self.root / "masks" / f"{clip_name(clip)}.npz"
        if own.exists():
            with read_archive(own, "masks", "width") as stored:
                masks = unpack(stored["masks"], int(stored["width"]))
        elif (self.root / "masks.npz").exists():
            masks = self._joined_masks(clip)
        else:
            return None
        return same_length(masks, self.labels(clip), clip)

    def _joined_masks(self, clip: Path) -> NDArray[np.bool_]:
        lengths = [len(self.labels(other)) for other in self.testing]
        place = self.testing.index(clip)
        begin = sum(lengths[:place])
        with read_archive(self.root / "masks.npz", "masks_packbits") as stored:
            packed = stored["masks_packbits"][begin : begin + lengths[place]]
        first = next(iter(self.frames(clip)))
        return unpack(packed, first.image.shape[1])

    @property
    def _labels_path(self) -> Path:
        return self.root / "labels.csv"

    @cached_property
    def _facts(self) -> dict[str, Any]:
        path = self.root / "dataset.toml"
        if not path.exists():
            return {}
        try:
            return dict(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise DataError(f"not valid TOML: {error}", where=str(path)) from error

    @cached_property
    def _labels(self) -> dict[str, NDArray[np.bool_]]:
        path = self._labels_path
        if not path.exists():
            raise DataError("there are no labels", where=str(path), fix="give clip,frame0,abnormal rows")
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise DataError(f"not a text file: {error}", where=str(path), fix="save it as UTF-8") from error
        clips = {_label_key(clip): clip for clip in self.testing}
        flags: dict[str, list[bool]] = {}
        for line, row in _rows(lines, path):
            where = f"{path}, line {line}"
            name, frame, abnormal = _label_row(row, where)
            if _plain_number(name) not in clips:
                raise DataError(
                    f"labels for clip {name}, which is not in testing/",
                    where=where,
                    fix=f"the clips are {', '.join(sorted(clip.name for clip in clips.values()))}",
                )
            clip_flags = flags.setdefault(_plain_number(name), [])
            if frame != len(clip_flags):
                raise DataError(
                    f"clip {name} goes on with frame {frame}, {len(clip_flags)} was to come",
                    where=where,
                    fix="one row for every frame, from 0, in order",
                )
            clip_flags.append(abnormal)
        return {clip: np.array(values, np.bool_) for clip, values in flags.items()}

    def _clips(self, part: str) -> list[Path]:
        folder = self.root / part
        if not self.root.is_dir():
            raise DataError("no such folder", where=str(self.root), fix="check the path")
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if is_clip(path))


def _label_key(clip: Path) -> str:
    return _plain_number(clip_name(clip))


def _plain_number(name: str) -> str:
    """Clip names that are numbers may be padded differently in labels and on disk."""
    return name.lstrip("0") or "0" if name.isdigit() else name


def _rows(lines: Sequence[str], path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV by its header, each with its line's number; empty lines are left out."""
    reader = csv.DictReader(lines)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        where = f"{path}, line {reader.reader.line_num}"
        raise DataError(f"not CSV: {error}", where=where, fix="give clip,frame0,abnormal rows") from error


def _label_row(row: dict[str, str], where: str) -> tuple[str, int, bool]:
    try:
        return row["clip"].strip(), int(row["frame0"]), {"0": False, "1": True}[row["abnormal"].strip()]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(
            f"not a label: {','.join(str(value) for value in row.values())}",
            where=where,
            fix="the columns are clip,frame0,abnormal; frame0 counts from 0, abnormal is 0 or 1",
        ) from None
