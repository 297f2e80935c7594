"""The packets of a stream that is recorded beside the one that is scored: copied, never decoded."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import subprocess
import threading
from typing import Final

from vad_edge.common.retry import Backoff
from vad_edge.common.secret import redacted
from vad_edge.video.ffmpeg_command import copy_command, sets_options, stream_script
from vad_edge.video.open_fault import complaints, open_fault
from vad_edge.video.pipe import LastLines, begin, end
from vad_edge.video.stream_options import PacketTap, StreamOptions

_log = logging.getLogger(__name__)

STALL_S: Final = 15.0
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
_PORTION: Final = 1 << 16
_LOOK_S: Final = 0.25
_LAST_WORDS_S: Final = 1.0


class PacketFeed:
    """Hands a network stream's packets to a tap; opens it again after growing pauses when it breaks off.

    `error` says why there are none now.
    """

    def __init__(self, program: str, url: str, tap: PacketTap, options: StreamOptions) -> None:
        self.error: str | None = None
        self._program, self._name, self._tap = program, redacted(url), tap
        self._script = stream_script(url, options, settable=sets_options(program))
        self._options = options
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="record stream", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End ffmpeg."""
        self._stopping.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            why = self._copy()
            if self._stopping.is_set():
                return
            if self.error is None:
                _log.warning("%s: %s", self._name, why)
            self.error = why
            self._stopping.wait(self._backoff.next_s())

    def _copy(self) -> str:
        """Copy until the stream ends; why it did."""
        try:
            process = begin(copy_command(self._program, self._options))
        except OSError as error:
            return str(error)
        assert process.stderr is not None  # noqa: S101 - opened with pipes
        lines = LastLines(process.stderr, "ffmpeg")
        try:
            silent = self._pump(process)
            said = complaints(lines.text(0.0 if silent else _LAST_WORDS_S))
        finally:
            end(process)
        return silent or (open_fault(said).what if said else "the camera closed the stream")

    def _pump(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(self._script)
        process.stdin.close()
        waited_s, pipe = 0.0, process.stdout.fileno()
        while not self._stopping.is_set():
            if not select.select([pipe], [], [], _LOOK_S)[0]:
                waited_s += _LOOK_S
                if waited_s >= STALL_S:
                    return f"nothing came for {STALL_S:.0f} s"
                continue
            data = os.read(pipe, _PORTION)
            if not data:
                return ""
            waited_s, self.error = 0.0, None
            self._backoff.reset()
            self._tap.put(data)
        return ""
