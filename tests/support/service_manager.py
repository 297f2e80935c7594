"""The receiving end of systemd's notification protocol: a real datagram socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


class Notifications:
    """Everything a service said, in order."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self.said: list[str] = []

    def receive(self) -> list[str]:
        while True:
            try:
                self.said.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self.said

    def wait_for(self, text: str, times: int = 1, timeout_s: float = 60.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while sum(line.startswith(text) for line in self.receive()) < times:
            assert time.monotonic() < deadline_s, f"waited {timeout_s} s for {text}, got {self.said}"
            time.sleep(0.02)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def notifications(tmp_path: Path) -> Iterator[Notifications]:
    found = Notifications(tmp_path / "notify")
    yield found
    found.close()
