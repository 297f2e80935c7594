"""What a process beside ours writes: frames that may not keep us waiting for ever, and its last words."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import IO, Final

from vad_edge.common.secret import redacted

_SIZE: Final = 1 << 20
"""Bytes a pipe holds: a picture in few portions. The kernel's usual 64 KiB where it grants no more."""
_F_SETPIPE_SZ: Final = 1031
_QUIT_S: Final = 2.0
_LINES: Final = 40


class SilenceError(Exception):
    """Nothing came for as long as was waited for."""


class PipeReader:
    """Reads whole portions of bytes from a pipe, without a copy between."""

    def __init__(self, pipe: IO[bytes], silence_s: float) -> None:
        self._fd = pipe.fileno()
        self._silence_s = silence_s
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._fd, _F_SETPIPE_SZ, _SIZE)

    def fill(self, view: memoryview) -> bool:
        """Fill `view`, of bytes; False where the pipe ends first. Raises SilenceError."""
        filled = 0
        while filled < len(view):
            ready, _, _ = select.select([self._fd], [], [], self._silence_s)
            if not ready:
                raise SilenceError
            count = os.readv(self._fd, [view[filled:]])
            if not count:
                return False
            filled += count
        return True


class LastLines:
    """The last lines of a process's standard error, read as they come: a year of them takes no room."""

    def __init__(self, pipe: IO[bytes], name: str) -> None:
        self._pipe = pipe
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._thread = threading.Thread(target=self._read, name=f"{name} lines", daemon=True)
        self._thread.start()

    def text(self, wait_s: float = 0.0) -> str:
        """The lines so far, without passwords; waits so long for the process to close its standard error."""
        self._thread.join(wait_s)
        return redacted("\n".join(list(self._lines)))

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in self._pipe:
                self._lines.append(line.decode(errors="replace").rstrip())


def begin(command: Sequence[str], *, extra: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start a process whose output is read; Ctrl-C reaches it through us alone. Raises OSError."""
    return subprocess.Popen(  # noqa: S603 - a list
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=extra,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End it, kindly first, and let go of its pipes."""
    process.terminate()
    deadline_s = time.monotonic() + _QUIT_S
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(deadline_s - time.monotonic(), 0.0))
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
