"""The page on which places are drawn, served to this machine alone."""

from __future__ import annotations

import json
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Final

import cv2
from pydantic import TypeAdapter, ValidationError

from vad_edge.config.edit import PlaceKind
from vad_edge.config.site import Name, Polygon
from vad_edge.errors import ConfigError
from vad_edge.runtime.masking import MaskDesk

MOST_BYTES: Final = 65536
_KIND: Final[TypeAdapter[PlaceKind]] = TypeAdapter(PlaceKind)
_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)
_POLYGON: Final[TypeAdapter[Polygon]] = TypeAdapter(Polygon)


class MaskServer(ThreadingHTTPServer):
    """Serves one desk on loopback until somebody says that he is done.

    The address has a secret in it, so that no other page and no other user of this machine finds it.
    """

    daemon_threads = True

    def __init__(self, desk: MaskDesk, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Page)
        self.desk = desk
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
            page = (files("vad_edge.runtime") / "mask_page.html").read_bytes()
            self._answer(200, page, "text/html; charset=utf-8")
        elif leaf == "frame.png":
            _, data = cv2.imencode(".png", self.server.desk.image)
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
            self.server.desk.add(kind, name, polygon)
        except ValidationError as error:
            self._json(400, {"error": error.errors(include_url=False)[0]["msg"]})
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._json(400, {"error": f"that is no place: {error!r}"})
        except ConfigError as error:
            self._json(400, {"error": str(error)})
        else:
            self._json(200, self._places())

    def _places(self) -> dict[str, Any]:
        camera = self.server.desk.camera
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
