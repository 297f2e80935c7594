"""A camera that shows noise, and for a second in every four a white square."""

from __future__ import annotations

import re
import time

import numpy as np

from vad_edge import SourceError
from vad_edge.plugins import Frame, SourceInfo, SourceRequest, plugin


@plugin(api_version=1)
class NoiseSource:
    """``noise://64x48`` is a live camera of that size, ``noise://64x48?seconds=60`` a recording."""

    def __init__(self, request: SourceRequest) -> None:
        match = re.fullmatch(r"(?:(\d+)x(\d+))?(?:\?seconds=(\d+))?", request.place)
        if match is None:
            raise SourceError(
                f"{request.place!r} is no size",
                where="noise://",
                fix="give noise://WIDTHxHEIGHT or noise://WIDTHxHEIGHT?seconds=60",
            )
        self._width, self._height = int(match[1] or 64), int(match[2] or 48)
        self._fps = request.fps or 10.0
        self._frames = None if match[3] is None else round(int(match[3]) * self._fps)
        self._clock = request.clock
        self._start_s = request.clock.now()
        self._random = np.random.default_rng(0)
        self._index = 0
        self.info = SourceInfo(
            "noise", self._frames is None, self._fps, self._width, self._height, self._frames
        )

    def read(self) -> Frame | None:
        """The next picture: at its time from a camera, at once from a recording."""
        if self._index == self._frames:
            return None
        time_s = self._index / self._fps
        if self.info.live:
            time.sleep(max(self._start_s + time_s - self._clock.now(), 0.0))
        image = self._random.integers(94, 107, (self._height, self._width, 3), np.uint8)
        if time_s % 4.0 >= 3.0:
            image[: self._height // 3, : self._width // 3] = 255
        frame = Frame(self._index, self._clock.now() if self.info.live else time_s, image)
        self._index += 1
        return frame

    def close(self) -> None:
        """Nothing is held open."""
