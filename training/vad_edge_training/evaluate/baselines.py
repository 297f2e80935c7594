"""Scores that need no learning, streaming and causal: what anything learned has to beat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Map = NDArray[np.float32]

PERSISTENCE = 6
"""Window maps are averaged over this many last frames."""


class BaselineScorer(Protocol):
    """Scores the frames of one clip in order; `reset` begins a new clip."""

    name: str

    def reset(self) -> None:
        """Forget the clip before."""
        ...

    def score(self, gray: Gray) -> float:
        """The score of the next frame, uint8 (H, W); higher is more unusual."""
        ...


class _Change(ABC):
    """What changed since the frame before, at 256 x 256."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the clip before."""
        self._before: Gray | None = None

    def score(self, gray: Gray) -> float:
        """0 for the first frame of a clip."""
        small = _square(gray)
        before, self._before = self._before, small
        return 0.0 if before is None else self._amount(cv2.absdiff(small, before).astype(np.float32))

    @abstractmethod
    def _amount(self, change: Map) -> float: ...


class FrameDifference(_Change):
    """Mean absolute difference to the frame before, in grey levels."""

    name = "frame_difference"

    def _amount(self, change: Map) -> float:
        return float(change.mean())


class WindowedDifference(_Change):
    """Squared difference to the frame before, its largest mean over 32 x 32 windows."""

    name = "windowed_difference"

    def _amount(self, change: Map) -> float:
        return float(_window_mean(change * change, 32).max())


class _WindowMap(ABC):
    """A map of windows, averaged over the last frames; the score is its largest place."""

    def score(self, gray: Gray) -> float:
        """The largest place of the map."""
        return float(self.map(gray).max())

    @abstractmethod
    def map(self, gray: Gray) -> Map:
        """The map of the next frame, uint8 (H, W)."""


class BackgroundDistance(_WindowMap):
    """Squared distance to the median background: window means, averaged over the last frames, largest."""

    name = "background_distance"

    def __init__(self, background: Map, window: int = 31) -> None:
        self._background = background
        self._window = window
        self.reset()

    def reset(self) -> None:
        """Forget the clip before."""
        self._recent: deque[Map] = deque(maxlen=PERSISTENCE)

    def map(self, gray: Gray) -> Map:
        """At every fourth pixel, in squared grey levels."""
        distance = gray.astype(np.float32) - self._background
        self._recent.append(_window_mean(distance * distance, self._window)[::4, ::4])
        return np.asarray(np.mean(self._recent, axis=0), np.float32)


class ForegroundSpeed(_WindowMap):
    """Optical flow over the foreground of windows, averaged over the last frames, largest.

    DIS flow (medium preset) from the frame two before, halved; foreground is what lies 18 grey levels from
    the median background after a 5 x 5 blur, closed 5 x 5; only windows more than 35 % foreground count.
    """

    name = "foreground_speed"

    _GAP = 2
    _THRESHOLD = 18.0
    _FILLED = 0.35

    def __init__(self, background: Map, window: int = 31) -> None:
        self._background = background
        self._window = window
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._closing = np.ones((5, 5), np.uint8)
        self.reset()

    def reset(self) -> None:
        """Forget the clip before."""
        self._frames: deque[Gray] = deque(maxlen=self._GAP + 1)
        self._recent: deque[Map] = deque(maxlen=PERSISTENCE)

    def map(self, gray: Gray) -> Map:
        """At every fourth pixel, in pixels a frame; zeros for the first frames of a clip."""
        self._frames.append(gray)
        if len(self._frames) <= self._GAP:
            return np.zeros_like(gray[::4, ::4], np.float32)
        flow = self._flow.calc(self._frames[0], gray, None) / self._GAP  # type: ignore[call-overload]
        speed = np.hypot(flow[..., 0], flow[..., 1])
        foreground = self._foreground(gray)
        share = _window_mean(foreground, self._window)
        mean = _window_mean(speed * foreground, self._window) / (share + 1e-3)
        self._recent.append((mean * (share > self._FILLED))[::4, ::4])
        return np.asarray(np.mean(self._recent, axis=0), np.float32)

    def _foreground(self, gray: Gray) -> Map:
        distance = np.abs(gray.astype(np.float32) - self._background)
        mask = (cv2.GaussianBlur(distance, (5, 5), 0) > self._THRESHOLD).astype(np.uint8)
        return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, self._closing), np.float32)


def baselines(background: Map) -> list[BaselineScorer]:
    """All of them, for the scene whose median background is float32 (H, W)."""
    return [
        FrameDifference(),
        WindowedDifference(),
        BackgroundDistance(background),
        ForegroundSpeed(background),
    ]


def score_clip(baseline: BaselineScorer, frames: Iterable[Gray]) -> NDArray[np.float64]:
    """The scores of a whole clip, (T,)."""
    baseline.reset()
    return np.array([baseline.score(gray) for gray in frames], np.float64)


def median_background(clips: Sequence[Sequence[Gray]], every: int = 8) -> Map:
    """Median of every eighth frame of normal clips, float32 (H, W)."""
    median: Map = np.median(np.concatenate([clip[::every] for clip in clips]), axis=0).astype(np.float32)
    return median


def _square(gray: Gray) -> Gray:
    return np.asarray(cv2.resize(gray, (256, 256), interpolation=cv2.INTER_LINEAR), np.uint8)


def _window_mean(image: Map, size: int) -> Map:
    return np.asarray(cv2.boxFilter(image, -1, (size, size)), np.float32)
