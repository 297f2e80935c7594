"""A job done in a process of its own: its memory is its own, and its crash ends nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vad_edge.errors import EngineError


def ask_process(
    command: Sequence[str], job: Mapping[str, Any], *, timeout_s: float | None = None
) -> dict[str, Any]:
    """Start a command whose end is `answer_job`, and give what it answers.

    Raises EngineError, with the process's last words, where it ends without an answer or takes longer; it
    and what it started are killed then, and where the caller is interrupted.
    """
    with subprocess.Popen(  # noqa: S603
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            told, complaints = process.communicate(json.dumps(job), timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise EngineError(f"it did not end within {timeout_s:.0f} s") from None
        except BaseException:
            _kill(process)
            raise
    answer = _last_json(told)
    if answer is None:
        raise EngineError(_last_words(process.returncode, complaints))
    return answer


def answer_job(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Be such a process: do the job on standard input, answer on standard output.

    What libraries print goes to standard error.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        answers.write(json.dumps(work(json.load(sys.stdin))) + "\n")


def _kill(process: subprocess.Popen[str]) -> None:
    # A worker may have started a build: the whole session goes.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_json(text: str) -> dict[str, Any] | None:
    try:
        answer = json.loads(text.strip().rpartition("\n")[2])
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _last_words(code: int, complaints: str) -> str:
    ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    last = complaints.strip().rpartition("\n")[2].strip()
    return f"the process {ended}" + (f": {last}" if last else "")
