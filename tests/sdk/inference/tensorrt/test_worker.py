from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt import worker
from vad_edge.inference.tensorrt.build import WORKER
from vad_edge.inference.tensorrt.library import Flavour


@pytest.fixture
def job(tmp_path: Path, step_graph: bytes) -> dict[str, Any]:
    (tmp_path / "graph.onnx").write_bytes(step_graph)
    (tmp_path / "timing.in").write_bytes(b"")
    return {
        "flavour": "tensorrt-rtx",
        "folder": str(tmp_path),
        "target": "rtx-sm86",
        "batch": 1,
        "workspace_mb": 64,
        "dla": False,
    }


def run(job: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    ended = subprocess.run(WORKER, input=json.dumps(job).encode(), capture_output=True, check=False)
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_job_ends_with_an_engine_and_says_so(rtx: Flavour, job: dict[str, Any], tmp_path: Path) -> None:
    code, answers = run(job)
    assert code == 0
    assert answers[-1] == {"answer": {}}
    assert all(set(answer["progress"]) == {"phase", "share"} for answer in answers[:-1])
    assert (tmp_path / "engine").stat().st_size > 10_000
    assert (tmp_path / "timing.out").read_bytes() == b""


def test_an_error_is_told_in_its_parts(job: dict[str, Any]) -> None:
    code, answers = run({**job, "target": "moon"})
    assert code == 1
    assert answers[0]["error"]["what"] == "there is no target 'moon'"
    assert answers[0]["error"]["fix"].startswith("give local, ")


def test_a_lack_of_memory_has_a_fix(
    rtx: Flavour, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_graph(*arguments: Any) -> None:
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(worker, "compile_graph", compile_graph)
    with pytest.raises(EngineError, match="ran out of memory; close other programs"):
        worker.work(job, lambda progress: None)


def test_an_engine_that_cannot_be_written_is_said(rtx: Flavour, job: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    with pytest.raises(EngineError, match="engine: cannot be written: Is a directory"):
        worker.work(job, lambda progress: None)
