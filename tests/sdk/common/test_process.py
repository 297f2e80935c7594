from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from vad_edge.common.process import ask_process
from vad_edge.errors import EngineError

DOUBLE = """
from vad_edge.common.process import answer_job
def work(job, progress):
    print("a library says hello")
    return {"twice": 2 * job["number"]}
answer_job(work)
"""


def command(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_answer_comes_back_whatever_libraries_print() -> None:
    assert ask_process(command(DOUBLE), {"number": 21}) == {"twice": 42}


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import os; os.kill(os.getpid(), 11)", "the process was ended by SIGSEGV"),
        ("import sys; sys.exit('no such library')", "ended with code 1: no such library"),
        ("print('[1]')", "ended with code 0"),
        ("print('not JSON')", "ended with code 0"),
    ],
)
def test_a_process_without_an_answer_is_told_with_its_last_words(code: str, what: str) -> None:
    with pytest.raises(EngineError, match=what):
        ask_process(command(code), {})


def test_one_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = (
        "import subprocess, sys, time, pathlib;"
        "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(child)!r}).write_text(str(c.pid)); time.sleep(60)"
    )
    with pytest.raises(EngineError, match="did not end within 3 s"):
        ask_process(command(code), {}, timeout_s=3)
    deadline = time.monotonic() + 10
    while _runs(int(child.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


TELLING = """
from vad_edge.common.process import answer_job
from vad_edge.errors import BundleError
def work(job, progress):
    progress({"share": 0.5})
    if job["fails"]:
        raise BundleError("it is damaged", where="x.vadb", fix="copy it again")
    return {}
answer_job(work)
"""


def test_progress_is_told_while_it_works() -> None:
    told: list[dict[str, float]] = []
    assert ask_process(command(TELLING), {"fails": False}, on_progress=told.append) == {}
    assert told == [{"share": 0.5}]


def test_an_error_comes_back_in_its_parts() -> None:
    with pytest.raises(EngineError) as caught:
        ask_process(command(TELLING), {"fails": True})
    error = caught.value
    assert (error.what, error.where, error.fix) == ("it is damaged", "x.vadb", "copy it again")


def test_a_process_gets_the_environment_it_is_given() -> None:
    code = "import os; from vad_edge.common.process import answer_job as a; a(lambda j, p: dict(os.environ))"
    given = {"PATH": "/bin", "PYTHONPATH": ":".join(sys.path)}
    assert ask_process(command(code), {}, environment=given).items() >= given.items()
