"""Compiling in a process of its own, so that a crash or a lack of memory ends the build and nothing else."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from vad_edge.common.process import ProcessEndedError, ask_process
from vad_edge.common.verdict import Verdict
from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.compiler import Compiled, CompileOptions
from vad_edge.inference.tensorrt.engine_file import cannot_write
from vad_edge.inference.tensorrt.progress import Report

WORKER: Final = (sys.executable, "-m", "vad_edge.inference.tensorrt.worker")
BASE_BYTES: Final = 1_500_000_000
"""What TensorRT needs before it looks at a graph: an estimate, six times what it took without a GPU."""
COPIES: Final = 8
"""How often a build may hold the graph: as ONNX, as network, as tactics being tried."""
_MORE_MEMORY: Final = "close other programs, add swap, or give a smaller --batch or --workspace"
_KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
_KEPT_PREFIXES: Final = ("CUDA_", "NVIDIA_", "LC_")


def memory_verdict(available: int, graph_bytes: int) -> Verdict:
    """Whether a build of a graph of this size may be tried with that many bytes of free memory."""
    need = BASE_BYTES + COPIES * graph_bytes
    if available >= need:
        return Verdict(True)
    reason = f"compiling needs about {need / 1e9:.1f} GB of memory, {available / 1e9:.1f} GB are free"
    return Verdict(False, reason, _MORE_MEMORY)


def build_engine(flavour: str, graph: bytes, options: CompileOptions, report: Report) -> Compiled:
    """Compile a graph with the TensorRT of this name (see `load_flavour`) in a process of its own.

    Raises EngineError where there is too little memory to begin, where TensorRT refuses the graph, and
    where the process is killed. Interrupting it kills the process.
    """
    verdict = memory_verdict(psutil.virtual_memory().available, len(graph))
    if not verdict.ok:
        raise EngineError(verdict.reason, fix=verdict.fix)
    try:
        workplace = tempfile.TemporaryDirectory(prefix="vad-edge-compile-")
    except OSError as error:
        raise cannot_write(Path(error.filename or "the folder for temporary files"), error) from error
    with workplace as name:
        folder = Path(name)
        job = {
            "flavour": flavour,
            "folder": name,
            "target": options.target.name,
            "batch": options.batch,
            "workspace_mb": options.workspace_mb,
            "dla": options.dla,
        }
        try:
            (folder / "graph.onnx").write_bytes(graph)
            (folder / "timing.in").write_bytes(options.timing_cache)
        except OSError as error:
            raise cannot_write(folder, error) from error
        _run(job, report)
        return Compiled((folder / "engine").read_bytes(), (folder / "timing.out").read_bytes())


def worker_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What of the environment a build gets: nothing that tunes other libraries, or reaches the network."""
    kept = {
        name: value
        for name, value in variables.items()
        if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }
    # A tensorrt.py in the working folder is not TensorRT (heeded from Python 3.11 on).
    return {**kept, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}


def _run(job: Mapping[str, Any], report: Report) -> None:
    try:
        ask_process(
            WORKER,
            job,
            environment=worker_environment(os.environ),
            on_progress=lambda progress: report(progress["phase"], progress["share"]),
        )
    except ProcessEndedError as error:
        if error.code == -signal.SIGKILL:
            raise EngineError("the build was killed, most likely out of memory", fix=_MORE_MEMORY) from error
        raise EngineError(error.what, fix="run it with --engine onnxruntime") from error
