"""Talking to the service manager (systemd's notification protocol); silent where there is none."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 1.0
"""How long a message that is sent once waits for room; a kick never waits."""

KICK_SHARE: Final = 0.25
"""A kick is sent at most this often, as a share of the watchdog's patience."""


class ServiceManager:
    """Says how this process is; what cannot be delivered is dropped.

    address is what ``NOTIFY_SOCKET`` holds: a path, or a name after ``@``; empty for none. watchdog_s is
    how long the manager waits for a sign of life before it restarts the process; None where it does not.
    """

    def __init__(
        self,
        address: str = "",
        watchdog_s: float | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.watchdog_s = watchdog_s
        self._monotonic = monotonic
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._next_kick_s = -float("inf")
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ServiceManager:
        """The manager that started this process."""
        return cls(environment.get("NOTIFY_SOCKET", ""), _watchdog_s(environment))

    def ready(self) -> None:
        """The service does its work."""
        self._send("READY=1")

    def alive(self) -> None:
        """It is still doing it; may be called for every frame."""
        if self.watchdog_s is None or self._monotonic() < self._next_kick_s:
            return
        self._next_kick_s = self._monotonic() + KICK_SHARE * self.watchdog_s
        self._send("WATCHDOG=1", patience_s=0.0)

    def reloading(self) -> None:
        """It reads its configuration again; `ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(self._monotonic() * 1e6)}")

    def stopping(self) -> None:
        """It is ending by itself."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Nothing more will be said."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str, *, patience_s: float = PATIENCE_S) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.settimeout(patience_s)
                self._socket.sendto(text.encode(), self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """What the manager asked of this very process; a child that inherited the variables owes it nothing."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    process = environment.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or int(microseconds) == 0 or process != str(os.getpid()):
        return None
    return int(microseconds) / 1e6


SOCKET: Final = Path("/run/systemd/journal/socket")

_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG: Final = 7


class JournalHandler(logging.Handler):
    """Sends each record to the journal; what cannot be delivered goes to standard error, which it reads too.

    A record's ``fields`` (``extra={"fields": {"CAMERA": "door"}}``) become ``VAD_EDGE_CAMERA=door``.
    """

    def __init__(self, path: Path = SOCKET) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._spare = logging.StreamHandler()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            self._socket.sendto(message(record, self.format(record)), self._path)
        except OSError:
            self._spare.emit(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Nothing more is sent."""
        self._socket.close()
        super().close()


def under_journal(environment: Mapping[str, str] = os.environ, stream: int = 2) -> bool:
    """Whether what is written to `stream` is read by the journal, as systemd tells a service."""
    try:
        found = os.fstat(stream)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def message(record: logging.LogRecord, text: str) -> bytes:
    """A record in the journal's own protocol."""
    return b"".join(_field(name, value) for name, value in _fields(record, text))


def _fields(record: logging.LogRecord, text: str) -> Iterator[tuple[str, str]]:
    yield "MESSAGE", text
    yield "PRIORITY", str(next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG))
    yield "SYSLOG_IDENTIFIER", "vad-edge"
    yield "LOGGER", record.name
    yield "CODE_FILE", record.pathname
    yield "CODE_LINE", str(record.lineno)
    for name, value in getattr(record, "fields", {}).items():
        yield f"VAD_EDGE_{name}", str(value)


def _field(name: str, value: str) -> bytes:
    content = value.encode(errors="replace")
    if b"\n" not in content:
        return name.encode() + b"=" + content + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(content)) + content + b"\n"
