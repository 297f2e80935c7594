"""Pixel masks as datasets store them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vad_edge.errors import DataError

BoolArray = NDArray[np.bool_]


def unpack(packed: NDArray[np.uint8], width: int) -> BoolArray:
    """Masks (T, H, width) from bits packed along the width."""
    return np.unpackbits(packed, axis=-1)[..., :width].astype(np.bool_)


@contextmanager
def read_archive(path: Path, *names: str) -> Iterator[Mapping[str, NDArray[np.uint8]]]:
    """The arrays of an .npz file. Raises DataError where it is none, or one of `names` is not in it."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [name for name in names if name not in stored]
            if missing:
                raise DataError(f"there is no {missing[0]} in it", where=str(path), fix="see docs/models.md")
            yield stored
    except (BadZipFile, OSError, ValueError) as error:
        raise DataError(f"not an archive of masks: {error}", where=str(path)) from error


def read_array(path: Path) -> NDArray[np.uint8]:
    """The array of an .npy file. Raises DataError where it is missing, none, or holds code."""
    try:
        array: NDArray[np.uint8] = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError("no such file", where=str(path), fix="the dataset is incomplete") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"not an array: {error}", where=str(path)) from error
    return array


def same_length(masks: BoolArray, labels: BoolArray, clip: Path) -> BoolArray:
    """The masks. Raises DataError where they are not as many as the labels."""
    if len(masks) != len(labels):
        raise DataError(
            f"{len(masks)} masks for {len(labels)} labels",
            where=str(clip),
            fix="each frame needs one of both",
        )
    return masks
