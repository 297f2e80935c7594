"""A small RTSP server: a camera's packets for other programs, over TCP, as an MPEG transport stream.

RTSP 1.0 (RFC 2326) with interleaved packets alone, RTP of MPEG transport streams (RFC 2250, payload type 33).
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import io
import logging
import queue
import secrets
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from vad_edge.evidence.stream_copy import PACKET, PacketSplitter

_log = logging.getLogger(__name__)

MOST_VIEWERS: Final = 16
_LONGEST_LINE: Final = 4096
_MOST_HEADERS: Final = 50
_SILENCE_S: Final = 120.0
"""A viewer that does not go on to play is let go after so long."""
_SEND_S: Final = 20
_WAITING: Final = 512
"""Portions that may wait for a viewer that is too slow; then it begins again at the next key frame."""
_MEDIA_TYPE: Final = 33
_PER_PACKET: Final = 7 * PACKET


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a viewer: header names are in lower case."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The first level of the URL's path: the camera that is meant."""
        return unquote(urlsplit(self.url).path.strip("/").partition("/")[0])


def read_request(read_line: Callable[[int], bytes]) -> Request | None:
    """The next request; None at the end. Raises ValueError for what is none."""
    first = _line(read_line)
    while first == "":
        first = _line(read_line)
    if first is None:
        return None
    words = first.split()
    if len(words) != 3 or not words[2].startswith("RTSP/"):
        raise ValueError("no RTSP request")
    headers: dict[str, str] = {}
    while line := _line(read_line):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
        if len(headers) > _MOST_HEADERS:
            raise ValueError("too many headers")
    return Request(words[0].upper(), words[1], headers)


def _line(read_line: Callable[[int], bytes]) -> str | None:
    line = read_line(_LONGEST_LINE)
    if len(line) >= _LONGEST_LINE:
        raise ValueError("a line is too long")
    return line.decode("latin-1").strip() if line else None


class Channel:
    """What viewers see of one camera. A viewer begins with a key frame."""

    def __init__(self) -> None:
        self._splitter = PacketSplitter()
        self._lock = threading.Lock()
        self._viewers: dict[int, queue.Queue[bytes]] = {}
        self._begun: set[int] = set()
        self._numbers = iter(range(1 << 62))

    def put(self, data: bytes) -> None:
        """Hand packets to every viewer; never waits for one."""
        with self._lock:
            for piece in self._splitter.feed(data):
                for number, waiting in self._viewers.items():
                    self._hand(number, waiting, piece.key, piece.data)

    def join(self) -> tuple[int, queue.Queue[bytes]]:
        """A new viewer: its number, and where its packets come."""
        with self._lock:
            number = next(self._numbers)
            self._viewers[number] = queue.Queue(_WAITING)
            return number, self._viewers[number]

    def leave(self, number: int) -> None:
        """The viewer is gone."""
        with self._lock:
            self._viewers.pop(number, None)
            self._begun.discard(number)

    def _hand(self, number: int, waiting: queue.Queue[bytes], key: bool, data: bytes) -> None:
        if number not in self._begun:
            if not key:
                return
            self._begun.add(number)
            data = self._splitter.tables + data
        try:
            waiting.put_nowait(data)
        except queue.Full:
            self._begun.discard(number)
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.get_nowait()


class RtspServer(socketserver.ThreadingTCPServer):
    """Serves channels by name at ``rtsp://HOST:PORT/NAME``; login is ``user:password``, empty for none."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], channels: dict[str, Channel], login: str = "") -> None:
        super().__init__(address, _Viewer)
        self.channels = channels
        self.login = login
        self.viewers = threading.BoundedSemaphore(MOST_VIEWERS)
        self._thread = threading.Thread(target=self.serve_forever, name="rtsp", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self.server_address[1])

    def close(self) -> None:
        """Let every viewer go."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A viewer that breaks off, or sends what is no RTSP, is no matter."""
        _log.debug("rtsp viewer %s", client_address, exc_info=True)


class _Viewer(socketserver.StreamRequestHandler):
    server: RtspServer
    timeout = _SILENCE_S

    def handle(self) -> None:
        """Answer one viewer until it is gone."""
        if not self.server.viewers.acquire(blocking=False):
            self.wfile.write(b"RTSP/1.0 453 Not Enough Bandwidth\r\n\r\n")
            return
        self._session = secrets.token_hex(8)
        self._ready = self._over = False
        self._writing = threading.Lock()
        try:
            while (request := read_request(self._next_line)) is not None and request.method != "TEARDOWN":
                self._answer(request)
        finally:
            self._over = True
            self.server.viewers.release()

    def _next_line(self, most: int) -> bytes:
        """A line of a request; packets that a viewer sends between, as receiver reports, are passed over."""
        requests = cast(io.BufferedReader, self.rfile)
        while (first := requests.peek(1)[:1]) == b"$":
            head = requests.read(4)
            requests.read(int.from_bytes(head[2:4], "big"))
        return requests.readline(most) if first else b""

    def _answer(self, request: Request) -> None:
        channel = self.server.channels.get(request.name)
        extra, body = "", ""
        status = "200 OK"
        if request.method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n"
        elif not self._may(request.headers.get("authorization", "")):
            status, extra = "401 Unauthorized", 'WWW-Authenticate: Basic realm="vad-edge"\r\n'
        elif channel is None:
            status = "404 Not Found"
        elif request.method == "DESCRIBE":
            body = _description(request.name)
            extra = f"Content-Type: application/sdp\r\nContent-Base: {_plain(request.url).rstrip('/')}/\r\n"
        elif request.method == "SETUP":
            if "TCP" in request.headers.get("transport", ""):
                self._ready = True
                extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            else:
                status = "461 Unsupported Transport"
        elif request.method == "PLAY" and not self._ready:
            status = "455 Method Not Valid In This State"
        elif request.method not in ("PLAY", "GET_PARAMETER"):
            status = "501 Not Implemented"
        sequence = _plain(request.headers.get("cseq", "0"))
        head = f"RTSP/1.0 {status}\r\nCSeq: {sequence}\r\nSession: {self._session};timeout=60\r\n{extra}"
        self._send(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1"))
        if request.method == "PLAY" and status == "200 OK" and channel is not None:
            self._ready = False  # once
            self._watch_for_death()
            threading.Thread(target=self._play, args=(channel,), name="rtsp viewer", daemon=True).start()

    def _watch_for_death(self) -> None:
        """Wait for requests without end, since not every viewer says that it is alive, and for no write."""
        self.connection.settimeout(None)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_S, 0))

    def _may(self, given: str) -> bool:
        if not self.server.login:
            return True
        kind, _, credentials = given.partition(" ")
        try:
            said = base64.b64decode(credentials, validate=True)
        except ValueError:
            return False
        return kind.lower() == "basic" and hmac.compare_digest(said, self.server.login.encode())

    def _play(self, channel: Channel) -> None:
        number, waiting = channel.join()
        sequence, source = secrets.randbelow(1 << 16), secrets.randbelow(1 << 32)
        try:
            while not self._over:
                try:
                    data = waiting.get(timeout=1.0)
                except queue.Empty:
                    continue
                ticks = int(time.monotonic() * 90_000) & 0xFFFFFFFF
                packets = []
                for place in range(0, len(data), _PER_PACKET):
                    part = data[place : place + _PER_PACKET]
                    head = struct.pack(">BBHII", 0x80, _MEDIA_TYPE, sequence, ticks, source)
                    packets.append(b"$\0" + struct.pack(">H", len(head) + len(part)) + head + part)
                    sequence = (sequence + 1) & 0xFFFF
                self._send(b"".join(packets))
        except OSError:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        finally:
            channel.leave(number)

    def _send(self, data: bytes) -> None:
        with self._writing:
            self.wfile.write(data)


def _description(name: str) -> str:
    lines = ("v=0", "o=- 0 0 IN IP4 127.0.0.1", f"s={name}", "t=0 0", "m=video 0 RTP/AVP 33")
    return "\r\n".join([*lines, "a=rtpmap:33 MP2T/90000", "a=control:track1"]) + "\r\n"


def _plain(text: str) -> str:
    """A viewer's own words, fit to stand in an answer's header."""
    return "".join(sign for sign in text if sign.isprintable() and sign.isascii())[:1024]
