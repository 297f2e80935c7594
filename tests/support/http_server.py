"""A web server on loopback that answers as it is told, one rule a request."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """rules are used up in order; when they are gone every request is taken with 204."""

    requests: list[Request] = field(default_factory=list)
    rules: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    url: str = ""
    release: threading.Event = field(default_factory=threading.Event)

    def status(self, code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(code)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return answer

    def stall(self, handler: BaseHTTPRequestHandler) -> None:
        self.release.wait(10)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.release.wait(0.1):
            handler.wfile.write(b"x")

    def hang_up(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append(Request(self.path, headers, body))
            try:
                (server.rules.pop(0) if server.rules else server.status(204))(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[tuple[Server, ThreadingHTTPServer, threading.Thread]] = []

    def new(certificate: Path | None = None, key: Path | None = None, port: int = 0) -> Server:
        server = Server()
        httpd = _Quiet(("127.0.0.1", port), _handler(server))
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
            scheme = "https"
        server.url = f"{scheme}://127.0.0.1:{httpd.server_address[1]}/hook"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((server, httpd, thread))
        return server

    yield new
    for server, httpd, thread in running:
        server.release.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass
