"""A disk with a volatile write cache, served over NBD, whose power can be cut."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from pathlib import Path

SECTOR = 512

_INIT, _OPTION, _REPLY = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
_REQUEST, _ANSWER = 0x25609513, 0x67446698
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_INFO, _GO, _ABORT = 6, 7, 2
_ACK, _INFO_REPLY, _UNSUPPORTED = 1, 3, 0x80000001
_HAS_FLAGS, _FLUSHES, _FORCES = 1, 4, 8
_READ, _WRITE, _LEAVE, _FLUSH = 0, 1, 2, 3
_FORCED = 1


class ForgetfulDisk:
    """Holds its content in memory. What was written and not flushed is, at a cut, kept or lost by chance.

    Sectors are whole or not there; of several writes of one sector any may be the last that was kept.
    """

    def __init__(self, content: bytes, address: Path) -> None:
        self.flushes = self.forgotten = 0
        self._plates = bytearray(content)
        self._seen = bytearray(content)
        self._cache: list[tuple[int, bytes]] = []
        self._lock = threading.Lock()
        self._powered = False
        self._client: socket.socket | None = None
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(address))
        self._server.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def power_on(self) -> None:
        """From now on whoever connects is served."""
        self._powered = True

    def cut(self, chance: random.Random) -> None:
        """Cut the power: nothing more is taken, and of the cache a part of chance is on the plates."""
        with self._lock:
            self._powered = False
            share = chance.choice((0.0, 1.0, chance.random()))
            for offset, data in self._cache:
                for start in range(0, len(data), SECTOR):
                    if chance.random() < share:
                        self._plates[offset + start : offset + start + SECTOR] = data[start : start + SECTOR]
                    else:
                        self.forgotten += 1
            self._cache.clear()
            self._seen = bytearray(self._plates)
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop serving."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError, EOFError):
                self._client = client
                if self._powered and _shake_hands(client, len(self._plates)):
                    while self._answer(client):
                        pass

    def _answer(self, client: socket.socket) -> bool:
        magic, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", _read(client, 28))
        data = _read(client, length) if kind == _WRITE else b""
        if magic != _REQUEST or kind == _LEAVE:
            return False
        found = b""
        with self._lock:
            if not self._powered:
                return False
            if kind == _READ:
                found = bytes(self._seen[offset : offset + length])
            elif kind == _WRITE:
                self._seen[offset : offset + length] = data
                self._cache.append((offset, data))
            if kind == _FLUSH or flags & _FORCED:
                self._flush()
        client.sendall(struct.pack(">IIQ", _ANSWER, 0, handle) + found)
        return True

    def _flush(self) -> None:
        """A forced write takes along what came before it: more than it has to, as many disks do."""
        self.flushes += 1
        for offset, data in self._cache:
            self._plates[offset : offset + len(data)] = data
        self._cache.clear()


def _shake_hands(client: socket.socket, size: int) -> bool:
    client.sendall(struct.pack(">QQH", _INIT, _OPTION, _FIXED_NEWSTYLE | _NO_ZEROES))
    _read(client, 4)
    while True:
        _, option, length = struct.unpack(">QII", _read(client, 16))
        _read(client, length)
        if option in (_INFO, _GO):
            export = struct.pack(">HQH", 0, size, _HAS_FLAGS | _FLUSHES | _FORCES)
            client.sendall(struct.pack(">QIII", _REPLY, option, _INFO_REPLY, len(export)) + export)
        kind = _ACK if option in (_INFO, _GO, _ABORT) else _UNSUPPORTED
        client.sendall(struct.pack(">QIII", _REPLY, option, kind, 0))
        if option in (_GO, _ABORT):
            return option == _GO


def _read(client: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = client.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
