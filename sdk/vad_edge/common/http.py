"""What our HTTP clients share: a connection that is cut off after a bounded time, and why none came about."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


def connection_to(
    url: str, timeout_s: float, tls: ssl.SSLContext | None = None
) -> http.client.HTTPConnection:
    """A connection that is not open yet; without tls, https trusts the system's authorities."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    context = tls or ssl.create_default_context()
    return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)


def target_of(url: str) -> str:
    """What is asked of the host of a URL: path and query.

    >>> target_of("http://camera/onvif/pull?id=5")
    '/onvif/pull?id=5'
    """
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


@contextmanager
def bounded(connection: http.client.HTTPConnection, timeout_s: float) -> Iterator[threading.Event]:
    """Close the connection at the end, and cut it off after timeout_s; the event says that it was.

    A socket's own timeout restarts with every byte: a server that drips would hold us for ever. To
    http.client the end of an answer that was cut off looks like its end, so ask the event.
    """
    late = threading.Event()

    def end_late() -> None:
        late.set()
        cut_off(connection)

    watchdog = threading.Timer(timeout_s, end_late)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield late
    finally:
        watchdog.cancel()
        connection.close()


def cut_off(connection: http.client.HTTPConnection) -> None:
    """End what is under way on a connection, from any thread."""
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def why_no_answer(error: Exception) -> str:
    """Why a request had no answer, as the end of a sentence about the server."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return f"its host is not known: {error.strerror}"
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError)):
        return "it hung up without an answer"
    if isinstance(error, http.client.HTTPException):
        return "it does not answer as a web server does"
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (detail or type(error).__name__)[:120].lower()
