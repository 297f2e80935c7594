"""Writes that happen as a whole or not at all, and are of use after any death of the program."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal


class WholeWrites:
    """A file that takes pieces one after another, each at once and without a buffer.

    A piece that does not fit is taken back, so that the file ends with the one before it. mode is as for
    `open`: ``w`` begins the file, ``a`` goes on with it, ``x`` refuses one that is there. Raises OSError.
    """

    def __init__(self, path: Path, mode: Literal["w", "a", "x"]) -> None:
        self.path = path
        self._file = path.open(f"{mode}b", buffering=0)
        self._end = self._file.seek(0, 2)

    def write(self, data: bytes) -> None:
        """Append a piece. Raises OSError where not all of it can be written, and then none of it is."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) or 0 :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise
        self._end += len(data)

    def change(self, offset: int, data: bytes) -> None:
        """Put other bytes in the place of some that are there. Raises OSError."""
        self._file.seek(offset)
        self._file.write(data)
        self._file.seek(self._end)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Lines:
    """Lines of text in a file that is begun with the first one; each is written at once.

    One that cannot be written is counted, and the next is tried. failing says whether the last one was lost.
    """

    def __init__(self, path: Path, mode: Literal["w", "a"]) -> None:
        self._path = path
        self._mode = mode
        self._file: WholeWrites | None = None
        self._lines = 0
        self._lost = 0
        self._reason = ""
        self.failing = False

    def open(self) -> WholeWrites:
        """Begin the file before its first line. Raises OSError where that cannot be done."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = WholeWrites(self._path, self._mode)
        return self._file

    def add(self, line: str) -> None:
        """Append one line, which ends with a newline; never raises for a disk that does not take it."""
        self._lines += 1
        try:
            self.open().write(line.encode())
            self.failing = False
        except OSError as error:
            self._lost += 1
            self._reason = error.strerror or str(error)
            self.failing = True

    @property
    def loss(self) -> str:
        """How many lines are missing, and why; empty where none is."""
        if not self._lost:
            return ""
        return f"{self._path}: {self._lost} of {self._lines} lines could not be written: {self._reason}"

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
