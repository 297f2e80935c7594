"""What a camera looks at, learned from its edges; and whether it still does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Gray = NDArray[np.float32]

WIDTH: Final = 64
HEIGHT: Final = 36
"""Size of the small copy: a passer-by is a few pixels, furniture and kerbs keep their places."""
_SAMPLED: Final = (2 * HEIGHT, 2 * WIDTH)
"""Rows and columns of the sample: twice those of the small copy, which is then made almost for nothing."""
_LIT: Final = 10.0
"""Grey levels added where edges are compared with the light they are seen in: the dark has noise."""
_SPREAD: Final = 5.0
_FLOOR: Final = 4.0
_WINDOW: Final = np.outer(np.hanning(HEIGHT), np.hanning(WIDTH)).astype(np.float32)


@dataclass(slots=True)
class FrameStatistics:
    """One frame as `Looker` saw it. The arrays are the looker's own: its second look from now changes them.

    sample is pixels of the frame at even distances, uint8 (72, 128, 3). grey is the small copy, uint8
    (36, 64), light its mean level, colour the mean distance of a pixel's largest and smallest channel.

    `Looker.finish` fills in the rest: edges, the strength of the small copy's, and their pattern, both
    float32 (36, 64), and sharpness, how much the finest detail makes of them.
    """

    sample: Image = field(default_factory=lambda: np.zeros((*_SAMPLED, 3), np.uint8))
    grey: Image = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.uint8))
    light: float = 0.0
    colour: float = 0.0
    edges: Gray = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    pattern: Gray = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    sharpness: float = 0.0


class Looker:
    """Looks at the frames of one camera, of any size; its buffers are made once and taken in turns."""

    def __init__(self) -> None:
        self._stats, self._next = FrameStatistics(), FrameStatistics()
        self._small = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self._channels = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(3)]
        self._across, self._down = (np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(2))
        self._fine = np.zeros(_SAMPLED, np.uint8)
        self._detail = np.zeros(_SAMPLED, np.int16)

    def look(self, image: Image) -> FrameStatistics:
        """A look at a frame, uint8 (H, W, 3) BGR; `finish` adds what is seldom asked for."""
        self._stats, self._next = self._next, self._stats
        stats = self._stats
        # In a frame that is hardly larger than the sample, pixels would count twice or not.
        large = image.shape[0] >= 2 * _SAMPLED[0] and image.shape[1] >= 2 * _SAMPLED[1]
        way = cv2.INTER_NEAREST if large else cv2.INTER_LINEAR
        cv2.resize(image, _SAMPLED[::-1], dst=stats.sample, interpolation=way)
        cv2.resize(stats.sample, (WIDTH, HEIGHT), dst=self._small, interpolation=cv2.INTER_AREA)
        cv2.cvtColor(self._small, cv2.COLOR_BGR2GRAY, dst=stats.grey)
        stats.light = float(cv2.mean(stats.grey)[0])
        stats.colour = self._colour()
        return stats

    def finish(self, stats: FrameStatistics) -> None:
        """Add the edges, their pattern and the sharpness to one of the last two looks."""
        cv2.Sobel(stats.grey, cv2.CV_32F, 1, 0, dst=self._across)
        cv2.Sobel(stats.grey, cv2.CV_32F, 0, 1, dst=self._down)
        cv2.magnitude(self._across, self._down, magnitude=stats.edges)
        pattern_into(stats.edges, stats.pattern)
        cv2.cvtColor(stats.sample, cv2.COLOR_BGR2GRAY, dst=self._fine)
        cv2.Laplacian(self._fine, cv2.CV_16S, dst=self._detail)
        detail = cv2.norm(self._detail, cv2.NORM_L2) / math.sqrt(self._detail.size)
        stats.sharpness = detail / (float(cv2.mean(stats.edges)[0]) + 1.0)

    def _colour(self) -> float:
        """Largest less smallest of three is half the sum of what lies between each two."""
        blue, green, red = cv2.split(self._small, self._channels)
        apart = cv2.norm(blue, green, cv2.NORM_L1) + cv2.norm(green, red, cv2.NORM_L1)
        return (apart + cv2.norm(red, blue, cv2.NORM_L1)) / (2.0 * blue.size)


def brightest(stats: FrameStatistics) -> float:
    """The level that 99 % of the sample's green stay below."""
    counts = cv2.calcHist([stats.sample], [1], None, [256], [0.0, 256.0])
    return float(np.searchsorted(np.cumsum(counts), 0.99 * _SAMPLED[0] * _SAMPLED[1]))


def lit(light: float) -> float:
    """What edges are compared with that were seen in this light: half of both is the same picture."""
    return light + _LIT


def pattern_into(edges: Gray, out: Gray) -> None:
    """Edges, (36, 64), each weighed by those around it; of length 1: two multiply to a correlation."""
    cv2.GaussianBlur(edges, (0, 0), _SPREAD, dst=out)
    np.add(out, np.float32(_FLOOR), out=out)
    np.divide(edges, out, out=out)
    np.subtract(out, np.float32(cv2.mean(out)[0]), out=out)
    np.multiply(out, _WINDOW, out=out)
    length = cv2.norm(out)
    if length > 0.0:
        np.divide(out, np.float32(length), out=out)


Sight = Literal["same", "covered", "defocused", "moved"]


class Judgement(NamedTuple):
    """What has become of a known view, in words and with the figures in them."""

    sight: Sight
    detail: str = ""
    figures: Mapping[str, float] = MappingProxyType({})


CELLS: Final = (4, 8)
"""Rows and columns of parts that a picture is judged by: who stands before the camera hides some, not all."""
TEXTURED: Final = 0.03
"""Edges, as a share of the light, from which a part has something to lose."""
LEAST_TEXTURED: Final = 6
"""Parts with edges, below which there is too little to know a view by."""
LOST: Final = 0.3
"""A part that keeps less than this share of its edges has lost them."""
COVERED: Final = 0.6
"""Share of the parts that must have lost their edges in a covered picture."""
BLURRED: Final = 0.5
"""Share of its sharpness that a picture out of focus stays below."""
ALIKE: Final = 0.4
"""Correlation of a part's edges with those that were learned, above which it shows the same."""
REMAINING: Final = 0.15
"""Share of the parts that must show the same, or it is another view."""
ELSEWHERE: Final = 0.3
"""How much better all edges must agree at another place than at their own in a view that has shifted."""
CONSISTENT: Final = 0.5
"""Correlation with what was learned, below which a view has too little that stays to know it again."""
LEAST_STEP: Final = 1.0 / 300.0
"""Smaller steps towards what a frame shows wait until they add up to this: each costs as much as a look."""


class Scene:
    """The edges of a scene, their strength and sharpness, averaged over what was seen of it.

    looks says how many frames have been learned; consistent how well each agreed with those before. known
    says that it is to be judged by: it has been looked at for long enough, here or for a camera pack.
    """

    def __init__(self) -> None:
        self.edges: Gray = np.zeros((HEIGHT, WIDTH), np.float32)
        self.light = 0.0
        self.sharpness = 0.0
        self.looks = 0
        self.consistent = 0.0
        self.known = False
        self._pattern: Gray = np.zeros((HEIGHT, WIDTH), np.float32)
        self._owed = 0.0
        self._prepare()

    @classmethod
    def remembered(cls, edges: Gray, light: float, sharpness: float) -> Scene:
        """A view that was learned before. Raises ValueError for edges that are not (36, 64)."""
        if edges.shape != (HEIGHT, WIDTH):
            raise ValueError(f"edges of shape {edges.shape}, not {(HEIGHT, WIDTH)}")
        view = cls()
        view.edges, view.light, view.sharpness = edges.astype(np.float32), light, sharpness
        view.known, view.consistent = True, 1.0
        view._prepare()
        return view

    @property
    def recognisable(self) -> bool:
        """Whether there is enough in it that stays where it is."""
        return self.consistent >= CONSISTENT

    def learn(self, stats: FrameStatistics, follow: float) -> None:
        """Move towards what a frame shows: follow 0 not at all, 1 all the way."""
        if self.looks == 0 and not self.known:
            follow = 1.0
        else:
            least = 0.1 if self.known or self.looks > 1 else 1.0
            self.consistent += max(follow, least) * (self._correlation(stats) - self.consistent)
        self.looks += 1
        self._owed += follow
        if self._owed >= LEAST_STEP:
            self._step(stats, min(self._owed, 1.0))

    def judge(self, stats: FrameStatistics) -> Judgement:
        """Whether a frame shows this view, or what has become of it, with the figures that say so."""
        if not self.recognisable or self._textured_parts < LEAST_TEXTURED:
            return Judgement("same")
        known, mean = self._textured_parts, _cells(stats.edges)
        lost = mean < (LOST * lit(stats.light)) * self._strength
        gone = int(np.count_nonzero(self._textured & lost))
        if gone >= COVERED * known:
            text = f"{gone} of {known} parts of the picture have lost their edges"
            return Judgement("covered", text, {"lost": gone, "parts": known})
        if (shift := self._shift(stats)) is not None:
            right, down = 100.0 * shift[0] / WIDTH, 100.0 * shift[1] / HEIGHT
            text = f"the scene lies {right:+.0f} % across and {down:+.0f} % down from where it was"
            return Judgement("moved", text, {"right_percent": right, "down_percent": down})
        same = int(np.count_nonzero(self._textured & (self._likeness(stats.edges, mean) >= ALIKE)))
        if same < REMAINING * known:
            text = f"{same} of {known} parts of the picture show what they showed"
            return Judgement("moved", text, {"same": same, "parts": known})
        if stats.sharpness < BLURRED * self.sharpness:
            share = stats.sharpness / self.sharpness
            text = f"{share:.0%} of the sharpness that the scene had"
            return Judgement("defocused", text, {"share": share})
        return Judgement("same")

    def _correlation(self, stats: FrameStatistics) -> float:
        """How a frame's edges agree with those learned, at their own place."""
        return float(np.vdot(stats.pattern, self._pattern))

    def _shift(self, stats: FrameStatistics) -> tuple[int, int] | None:
        """Where the scene has gone, in pixels of the small copy across and down; None if it is in its place.

        Correlations end at 1: edges that agree well where they are agree much better nowhere.
        """
        own = self._correlation(stats)
        if own > 1.0 - ELSEWHERE:
            return None
        both = cv2.mulSpectrums(cv2.dft(stats.pattern), cv2.dft(self._pattern), 0, conjB=True)
        surface = cv2.idft(both, flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
        _, best, _, (x, y) = cv2.minMaxLoc(surface)
        if best - own < ELSEWHERE:
            return None
        return (x + WIDTH // 2) % WIDTH - WIDTH // 2, (y + HEIGHT // 2) % HEIGHT - HEIGHT // 2

    def _likeness(self, edges: Gray, mean: Gray) -> Gray:
        """The correlation of edges with those learned in each part, (4, 8), where they have this mean."""
        both = _cells(edges * self.edges) - mean * self._mean
        spread = (_cells(edges * edges) - mean * mean) * self._variance
        return np.asarray(both / np.sqrt(np.maximum(spread, 1e-6)), np.float32)

    def _step(self, stats: FrameStatistics, follow: float) -> None:
        self._owed = 0.0
        self.edges += np.float32(follow) * (stats.edges - self.edges)
        self.light += follow * (stats.light - self.light)
        self.sharpness += follow * (stats.sharpness - self.sharpness)
        self._prepare()

    def _prepare(self) -> None:
        pattern_into(self.edges, self._pattern)
        self._mean = _cells(self.edges)
        self._variance = _cells(self.edges * self.edges) - self._mean * self._mean
        self._strength = self._mean / np.float32(lit(self.light))
        self._textured = self._strength >= TEXTURED
        self._textured_parts = int(np.count_nonzero(self._textured))


def _cells(values: Gray) -> Gray:
    """The mean in each part of the picture, (4, 8)."""
    return np.asarray(cv2.resize(values, CELLS[::-1], interpolation=cv2.INTER_AREA), np.float32)
