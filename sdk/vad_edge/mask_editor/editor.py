"""Places drawn on a camera's picture, and written into its site file."""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from vad_edge.cameras.decoding import stream_options
from vad_edge.clock import LiveClock
from vad_edge.common.explain import system_errors_as
from vad_edge.common.files import write_atomically
from vad_edge.config.edit import PlaceKind, with_place
from vad_edge.config.load import load_site
from vad_edge.config.polygons import in_pixels
from vad_edge.config.site import CameraConfig, Name, PlaceConfig, Polygon
from vad_edge.errors import ConfigError, SourceError
from vad_edge.evidence.images import PrivacyMasks
from vad_edge.video.open import open_source

FRAMES: Final = 10
"""Frames of a camera that are passed over: the first ones are still finding their exposure."""
_COLOURS: Final = {"ignore": (60, 60, 230), "zone": (80, 200, 80)}


class MaskEditor:
    """One camera of a site file, a frame of it, and the places there are."""

    def __init__(self, config: Path, camera: str | None, source: str | None = None) -> None:
        """Raises ConfigError for a camera that is not there, SourceError for one that gives no picture."""
        self.path = config
        self._writing = threading.Lock()
        self.camera = load_site(config).camera_named(camera, where=str(config))
        given = source if source is not None else self.camera.shown_spec
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
            with system_errors_as(ConfigError, "cannot be written", self.path):
                before = self.path.read_text(encoding="utf-8")
                text = with_place(before, self.path, self.camera.name, kind, name, polygon)
                write_atomically(self.path.resolve(), text.encode())
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
    source = open_source(spec, LiveClock(), fps=camera.fps, options=stream_options(camera, whole=True))
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


MOST_BYTES: Final = 65536
_KIND: Final[TypeAdapter[PlaceKind]] = TypeAdapter(PlaceKind)
_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)
_POLYGON: Final[TypeAdapter[Polygon]] = TypeAdapter(Polygon)


class MaskServer(ThreadingHTTPServer):
    """Serves one editor on loopback until its user is done.

    The address has a secret in it, so that no other page and no other user of this machine finds it.
    """

    daemon_threads = True

    def __init__(self, editor: MaskEditor, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Page)
        self.editor = editor
        self.secret = secrets.token_urlsafe(16)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_address[1]}/{self.secret}/"


class _Page(BaseHTTPRequestHandler):
    server: MaskServer

    def do_GET(self) -> None:
        leaf = self._leaf()
        if leaf == "":
            page = (files("vad_edge.mask_editor") / "mask_page.html").read_bytes()
            self._answer(200, page, "text/html; charset=utf-8")
        elif leaf == "frame.png":
            _, data = cv2.imencode(".png", self.server.editor.image)
            self._answer(200, data.tobytes(), "image/png")
        elif leaf == "places":
            self._json(200, self._places())
        else:
            self._json(404, {"error": "there is nothing here"})

    def do_POST(self) -> None:
        leaf = self._leaf()
        if leaf == "done":
            self._json(200, {})
            self.server.shutdown()
        elif leaf == "places":
            self._add()
        else:
            self._json(404, {"error": "there is nothing here"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: the page shows what went wrong."""

    def _add(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = 0
        if not 0 < length <= MOST_BYTES:
            self._json(413, {"error": f"a place takes 1 to {MOST_BYTES} bytes"})
            return
        try:
            content = json.loads(self.rfile.read(length))
            kind, name = _KIND.validate_python(content["kind"]), _NAME.validate_python(content["name"])
            polygon = _POLYGON.validate_python(content["polygon"])
            self.server.editor.add(kind, name, polygon)
        except ValidationError as error:
            self._json(400, {"error": error.errors(include_url=False)[0]["msg"]})
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._json(400, {"error": f"that is no place: {error!r}"})
        except ConfigError as error:
            self._json(400, {"error": str(error)})
        else:
            self._json(200, self._places())

    def _places(self) -> dict[str, Any]:
        camera = self.server.editor.camera
        places = [("ignore", place) for place in camera.ignore] + [("zone", place) for place in camera.zone]
        shown = [{"kind": kind, "name": each.name, "polygon": each.polygon} for kind, each in places]
        return {"camera": camera.name, "places": shown}

    def _leaf(self) -> str | None:
        start = f"/{self.server.secret}/"
        return self.path.removeprefix(start) if self.path.startswith(start) else None

    def _json(self, status: int, content: dict[str, Any]) -> None:
        self._answer(status, json.dumps(content).encode(), "application/json")

    def _answer(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)
