"""Places drawn on a camera's picture, and written into its site file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vad_edge.bundle.atomic import write_atomically
from vad_edge.clock import LiveClock
from vad_edge.config.edit import PlaceKind, with_place
from vad_edge.config.load import load_site
from vad_edge.config.polygons import in_pixels
from vad_edge.config.site import CameraConfig, PlaceConfig, Polygon
from vad_edge.errors import ConfigError, SourceError
from vad_edge.events.evidence.privacy import PrivacyMasks
from vad_edge.video.source import open_source

FRAMES: Final = 10
"""Frames of a camera that are passed over: the first ones are still finding their exposure."""
_COLOURS: Final = {"ignore": (60, 60, 230), "zone": (80, 200, 80)}


class MaskDesk:
    """One camera of a site file, a frame of it, and the places there are."""

    def __init__(self, config: Path, camera: str | None, source: str | None = None) -> None:
        """Raises ConfigError for a camera that is not there, SourceError for one that gives no picture."""
        self.path = config
        self._writing = threading.Lock()
        self.camera = load_site(config).camera_named(camera, where=str(config))
        given = source if source is not None else self.camera.source
        if given is None:
            raise ConfigError("this camera has no source", where=str(config), fix="give --source")
        frame = _frame(given, self.camera)
        self.image = PrivacyMasks(self.camera.privacy_masks).burn(frame)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.image.shape[1], self.image.shape[0]

    def add(self, kind: PlaceKind, name: str, polygon: Polygon) -> None:
        """Write a place into the site file, from any thread. Raises ConfigError where it may not be added."""
        with self._writing:
            try:
                before = self.path.read_text(encoding="utf-8")
                text = with_place(before, self.path, self.camera.name, kind, name, polygon)
                write_atomically(self.path.resolve(), text.encode())
            except OSError as error:
                reason = error.strerror or str(error)
                raise ConfigError(f"cannot be written: {reason}", where=str(self.path)) from error
            self.camera = load_site(self.path).camera_named(self.camera.name, where=str(self.path))

    def picture(self) -> NDArray[np.uint8]:
        """The frame with its places: ignored ones red and hatched over, zones green, each with its name."""
        drawn = self.image.copy()
        for place in self.camera.ignore:
            _draw(drawn, place, "ignore")
        for place in self.camera.zone:
            _draw(drawn, place, "zone")
        return drawn


def _frame(spec: str | int, camera: CameraConfig) -> NDArray[np.uint8]:
    source = open_source(spec, LiveClock(), fps=camera.fps)
    image: NDArray[np.uint8] | None = None
    try:
        for _ in range(FRAMES):
            frame = source.read()
            if frame is None:
                break
            image = frame.image
    finally:
        source.close()
    if image is None:
        raise SourceError("there is no frame in it", where=str(spec), fix="give another source")
    return image


def _draw(image: NDArray[np.uint8], place: PlaceConfig, kind: PlaceKind) -> None:
    height, width = image.shape[:2]
    corners = in_pixels(place.polygon, width, height)
    shade = image.copy()
    cv2.fillPoly(shade, [corners], _COLOURS[kind])
    cv2.addWeighted(shade, 0.35, image, 0.65, 0.0, dst=image)
    cv2.polylines(image, [corners], True, _COLOURS[kind], 1, cv2.LINE_AA)
    x, y = (int(value) for value in corners.min(axis=0))
    cv2.putText(
        image, place.name, (x + 3, y + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA
    )
