from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from vad_edge.common import process
from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt import build
from vad_edge.inference.tensorrt.build import build_engine, memory_verdict, worker_environment
from vad_edge.inference.tensorrt.compiler import CompileOptions
from vad_edge.inference.tensorrt.library import Flavour, parse_target

OPTIONS = CompileOptions(parse_target("rtx-sm86"), batch=2)


def silent(phase: str, share: float) -> None:
    pass


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where builds work, to see that nothing stays."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def worker_is(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(build, "WORKER", (sys.executable, "-c", code))


def test_the_real_tensorrt_compiles_in_its_own_process(
    rtx: Flavour, step_graph: bytes, temporary: Path
) -> None:
    shares: list[float] = []
    made = build_engine(rtx.name, step_graph, OPTIONS, lambda phase, share: shares.append(share))
    assert len(made.engine) > 10_000
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert not list(temporary.iterdir())


def test_a_refusal_comes_out_of_the_process_whole(rtx: Flavour) -> None:
    with pytest.raises(EngineError, match="no ONNX graph") as caught:
        build_engine(rtx.name, b"hello", OPTIONS, silent)
    assert caught.value.fix == "export the bundle again with vad-edge export"


def test_a_worker_that_is_killed_was_most_likely_out_of_memory(
    step_graph: bytes, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr(process.subprocess, "Popen", Killed)
    with pytest.raises(EngineError, match="killed, most likely out of memory") as caught:
        build_engine("tensorrt-rtx", step_graph, OPTIONS, silent)
    assert caught.value.fix == "close other programs, add swap, or give a smaller --batch or --workspace"
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import os; print('{\"progress\": ', end='', flush=True); os.kill(os.getpid(), 9)", "out of memory"),
        ("import os; os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
        ("import sys; sys.exit('no such library\\n')", "ended with code 1: no such library"),
        ("pass", "ended with code 0"),
    ],
)
def test_however_a_worker_ends_it_is_said(code: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worker_is(monkeypatch, code)
    with pytest.raises(EngineError, match=what):
        build_engine("auto", b"graph", OPTIONS, silent)


def test_an_interrupted_build_leaves_no_process(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = '{"progress": {"phase": "x", "share": 0.5}}'
    worker_is(monkeypatch, f"import time; print('{told}', flush=True); time.sleep(60)")

    def report(phase: str, share: float) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        build_engine("auto", b"graph", OPTIONS, report)
    assert time.monotonic() - began < 20
    assert not list(temporary.iterdir())


def test_too_little_memory_is_said_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    worker_is(monkeypatch, "raise SystemExit('it was started')")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=400_000_000))
    with pytest.raises(EngineError, match=r"about 1\.5 GB of memory, 0\.4 GB are free; close other"):
        build_engine("auto", b"graph", OPTIONS, silent)


@pytest.mark.parametrize(
    ("available", "graph", "ok"),
    [
        (1_500_000_000, 0, True),
        (1_499_999_999, 0, False),
        (1_500_000_000, 1_000_000, False),
        (1_508_000_000, 1_000_000, True),
    ],
)
def test_a_larger_graph_needs_more_memory(available: int, graph: int, ok: bool) -> None:
    assert memory_verdict(available, graph).ok is ok


def test_a_worker_gets_nothing_that_tunes_other_libraries() -> None:
    given = {
        "PATH": "/bin",
        "LD_LIBRARY_PATH": "/usr/lib/nvidia",
        "CUDA_VISIBLE_DEVICES": "0",
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "HTTPS_PROXY": "http://proxy",
        "BROKER_PASSWORD": "secret",
    }
    assert set(worker_environment(given)) == {
        "PATH",
        "LD_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES",
        "PYTHONSAFEPATH",
        "PYTHONUTF8",
    }


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EngineError, match="the disk is full"):
        build_engine("auto", b"graph", OPTIONS, silent)


def test_a_disk_that_fills_up_in_the_middle_of_a_build_is_said(
    rtx: Flavour, step_graph: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={len(step_graph) + 16384}", "none", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        with pytest.raises(EngineError, match="the disk is full; free some space and compile again"):
            build_engine(rtx.name, step_graph, OPTIONS, silent)
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)
