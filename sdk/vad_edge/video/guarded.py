"""A source from outside, held to what a source must do: whatever it does wrong becomes a SourceError."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from vad_edge.common.secret import redacted
from vad_edge.errors import SourceError, VadEdgeError
from vad_edge.video.frame import Frame
from vad_edge.video.source import Source, SourceInfo

_log = logging.getLogger(__name__)

_Given = TypeVar("_Given")


class GuardedSource:
    """The frames of `source`, which is not ours.

    name is how messages call it. Raises SourceError where it is no source, and wherever it fails.
    """

    def __init__(self, source: Source, name: str) -> None:
        missing = [part for part in ("info", "read", "close") if not hasattr(source, part)]
        if missing:
            raise _fault(f"it has no {missing[0]}, so it is no source", name)
        info = asked(lambda: source.info, name)
        if not isinstance(info, SourceInfo):
            raise _fault(f"its info is {type(info).__name__}, not SourceInfo", name)
        # Only packets of our own streams are copied by codec.
        self._info = replace(info, name=redacted(info.name), codec="")
        self._source = source
        self._name = name
        self._last_s: float | None = None

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself."""
        return self._info

    @property
    def truncated(self) -> str | None:
        """Why a recording ended before its end, where the source can tell."""
        said = getattr(self._source, "truncated", None)
        return None if said is None else str(said)

    def read(self) -> Frame | None:
        """The next frame. Raises SourceError for a failure of the source, and for what is no frame."""
        frame = asked(self._source.read, self._name)
        if frame is None:
            return None
        fault = frame_fault(frame, self._last_s)
        if fault:
            raise _fault(fault, self._name)
        self._last_s = frame.time_s
        return frame

    def close(self) -> None:
        """Close the source; a failure is logged."""
        try:
            self._source.close()
        except Exception as error:
            _log.warning("%s: closing it failed: %r", self._name, error)


def frame_fault(frame: object, last_s: float | None) -> str:
    """What is wrong with a frame that follows one of time `last_s`; empty where nothing is."""
    if not isinstance(frame, Frame):
        return f"it gave {type(frame).__name__}, not a Frame"
    image = frame.image
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        return f"a frame's image is {getattr(image, 'dtype', type(image).__name__)}, not uint8"
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        return f"a frame's image has shape {image.shape}, not (H, W, 3)"
    if not np.isfinite(frame.time_s):
        return f"a frame's time is {frame.time_s}"
    if last_s is not None and frame.time_s < last_s:
        return f"a frame's time is {frame.time_s:g} s, earlier than the {last_s:g} s of the one before it"
    return ""


def asked(question: Callable[[], _Given], name: str) -> _Given:
    """The answer of a foreign object. Raises SourceError for whatever it raises."""
    try:
        return question()
    except VadEdgeError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(str(error), where=name) from error
    except Exception as error:
        _log.debug("%s failed", name, exc_info=True)
        raise _fault(f"{type(error).__name__}: {error}".partition("\n")[0], name) from error


def _fault(what: str, name: str) -> SourceError:
    return SourceError(what, where=name, fix="this is a fault of the source itself: ask its author")
