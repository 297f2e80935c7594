"""One HTTP POST at a time, over within a bounded time whatever the other side does."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from vad_edge.bridges.webhook.outcome import Answer
from vad_edge.errors import ConfigError


class Endpoint:
    """An HTTP or HTTPS address that is posted to.

    ca_file is trusted beside nothing else; without it the system's authorities are. Raises ConfigError if it
    cannot be used.
    """

    def __init__(self, url: str, *, timeout_s: float, ca_file: Path | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout_s = timeout_s
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            try:
                self._tls = ssl.create_default_context(cafile=ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"cannot use the CA file: {error.strerror or error}", where=f"webhook.ca_file ({ca_file})"
                ) from error

    def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send `body` and wait for the head of the answer; what fails is an answer of status 0."""
        connection = self._connection()
        cut = threading.Event()
        # A socket's timeout starts anew with every byte; a server that drips would hold us for ever.
        watchdog = threading.Timer(self._timeout_s, _cut, (connection, cut))
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.request("POST", self._target, body, dict(headers))
            response = connection.getresponse()
            if cut.is_set():  # http.client takes the end of a cut answer for the end of its head
                raise TimeoutError
            return Answer(
                response.status,
                response.reason[:80],
                response.headers.get("Retry-After", ""),
                response.headers.get("Location", ""),
            )
        except (OSError, http.client.HTTPException) as error:
            late = cut.is_set() or isinstance(error, TimeoutError)
            return Answer(0, f"no whole answer within {self._timeout_s:g} s" if late else _why(error))
        finally:
            watchdog.cancel()
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._tls)


def _cut(connection: http.client.HTTPConnection, cut: threading.Event) -> None:
    cut.set()
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; set webhook.ca_file"
    if isinstance(error, socket.gaierror):
        return f"its host is not known: {error.strerror}"
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError)):
        return "it hung up without an answer"
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (detail or type(error).__name__)[:120].lower()
