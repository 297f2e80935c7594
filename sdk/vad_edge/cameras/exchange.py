"""One HTTP POST to a camera: bounded in time and in size, whatever the camera does."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from vad_edge.errors import CameraError

MOST_BYTES: Final = 1_048_576
"""An answer that is longer is not read to its end."""

TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a camera answered; challenges are the values of its WWW-Authenticate headers."""

    status: int
    body: bytes
    challenges: tuple[str, ...] = ()


class Exchange:
    """Posts to one camera, one request at a time; `cut` ends the one under way from another thread."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, longer_s: float = 0.0) -> HttpAnswer:
        """Post a body; longer_s is how long the camera may wait before it answers, beside the usual time.

        Redirects are not followed: they could carry credentials anywhere.
        Raises CameraError where there is no whole answer in time, or it is too long.
        """
        timeout_s = self._timeout_s + longer_s
        place = _place(url)
        cut = threading.Event()
        watchdog: threading.Timer | None = None
        try:
            connection = _connection(url, timeout_s)
            with self._lock:
                self._connection = connection
            # A camera that sends a byte now and then would never exceed the socket's own timeout.
            watchdog = threading.Timer(timeout_s, _cut, (connection, cut))
            watchdog.daemon = True
            watchdog.start()
            connection.request("POST", target_of(url), body, {**headers, "Connection": "close"})
            response = connection.getresponse()
            content = response.read(MOST_BYTES + 1)
            if cut.is_set():  # the end of a cut answer looks like its end
                raise TimeoutError
            if len(content) > MOST_BYTES:
                raise CameraError(f"it answers more than {MOST_BYTES} bytes", where=place)
            challenges = response.headers.get_all("WWW-Authenticate") or []
            return HttpAnswer(response.status, content, tuple(challenges))
        except (OSError, http.client.HTTPException, ValueError) as error:
            late = cut.is_set() or isinstance(error, TimeoutError)
            raise CameraError(
                f"no whole answer within {timeout_s:g} s" if late else _why(error),
                where=place,
                fix="check its address, power and network, and that ONVIF is switched on in it",
            ) from error
        finally:
            if watchdog is not None:
                watchdog.cancel()
            with self._lock:
                connection_there, self._connection = self._connection, None
            if connection_there is not None:
                connection_there.close()

    def cut(self) -> None:
        """End the request under way, if there is one."""
        with self._lock:
            connection = self._connection
        if connection is not None:
            _cut(connection, threading.Event())


def target_of(url: str) -> str:
    """What is asked of the host of a URL: path and query.

    >>> target_of("http://camera/onvif/pull?id=5")
    '/onvif/pull?id=5'
    """
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)


def _cut(connection: http.client.HTTPConnection, cut: threading.Event) -> None:
    cut.set()
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "its host is not known"
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError)):
        return "it hung up without an answer"
    if isinstance(error, http.client.HTTPException):
        return "it does not answer as a web server does"
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (detail or type(error).__name__)[:120].lower()
