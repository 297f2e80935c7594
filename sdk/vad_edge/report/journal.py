"""The log as systemd's journal takes it: a priority, and fields to look for, such as VAD_EDGE_CAMERA."""

from __future__ import annotations

import logging
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

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
