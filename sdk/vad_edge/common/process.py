"""A job done in a process of its own: its memory is its own, and its crash ends nothing else.

The job comes as JSON on standard input. Each line of standard output is a JSON object with one key:
``progress``, ``error`` (what, where, fix) or, last, ``answer``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any

from vad_edge.errors import EngineError, VadEdgeError

Progress = Callable[[dict[str, Any]], None]


class ProcessEndedError(EngineError):
    """A process ended without an answer; code is its exit status, negative for the signal that ended it."""

    def __init__(self, code: int, last_words: str) -> None:
        self.code, self.last_words = code, last_words
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        super().__init__(f"the process {how}" + (f": {last_words}" if last_words else ""))


def ask_process(
    command: Sequence[str],
    job: Mapping[str, Any],
    *,
    timeout_s: float | None = None,
    environment: Mapping[str, str] | None = None,
    on_progress: Progress = lambda progress: None,
) -> dict[str, Any]:
    """Start a command whose end is `answer_job`, and give what it answers.

    Raises the error it tells as EngineError, ProcessEndedError with its last words where it ends without an
    answer, and EngineError where it takes longer; it and what it started are killed then, and where the
    caller is interrupted.
    """
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=None if environment is None else dict(environment),
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process,
    ):
        late = threading.Event()

        def end_late() -> None:
            late.set()
            _kill(process)

        timer = None if timeout_s is None else threading.Timer(timeout_s, end_late)
        try:
            if timer is not None:
                timer.start()
            _give(process, job)
            answer = _follow(process.stdout or (), on_progress)
            code = process.wait()
        except BaseException:
            _kill(process)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if late.is_set():
            raise EngineError(f"it did not end within {timeout_s:.0f} s")
        if answer is None:
            raise ProcessEndedError(code, _last_line(complaints))
        return answer


def answer_job(work: Callable[[dict[str, Any], Progress], dict[str, Any]]) -> None:
    """Be such a process: do the job on standard input, answer on standard output.

    work gets the job and a function that tells progress. What libraries print goes to standard error.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def tell(kind: str, content: Mapping[str, Any]) -> None:
            answers.write(json.dumps({kind: content}) + "\n")
            answers.flush()

        try:
            answer = work(json.load(sys.stdin), lambda progress: tell("progress", progress))
        except VadEdgeError as error:
            tell("error", {"what": error.what, "where": error.where, "fix": error.fix})
            sys.exit(1)
        tell("answer", answer)


def _give(process: subprocess.Popen[str], job: Mapping[str, Any]) -> None:
    assert process.stdin is not None  # noqa: S101 - opened with a pipe
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(json.dumps(job))


def _follow(lines: Iterable[str], on_progress: Progress) -> dict[str, Any] | None:
    """Pass progress on until the process ends; its answer. Raises the error it tells."""
    answer: dict[str, Any] | None = None
    for line in lines:
        told = _told(line)
        if "error" in told:
            raise EngineError(**told["error"])
        if "progress" in told:
            on_progress(told["progress"])
        answer = told.get("answer", answer)
    return answer


def _told(line: str) -> dict[str, Any]:
    """A line that is whole and ours; nothing else is heard: it may have been killed in the middle of one."""
    try:
        told = json.loads(line) if line.endswith("\n") else None
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _kill(process: subprocess.Popen[str]) -> None:
    # A worker may have started a build: the whole session goes.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
