"""The process a build runs in: a job as JSON on standard input, progress and the end as lines of JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from vad_edge.common.paths import inside
from vad_edge.errors import EngineError, VadEdgeError
from vad_edge.inference.tensorrt.compiler import CompileOptions, compile_graph
from vad_edge.inference.tensorrt.engine_file import cannot_write
from vad_edge.inference.tensorrt.library import load_flavour, parse_target


def work(job: dict[str, Any], answers: TextIO) -> None:
    """Do one job of `build`. Raises VadEdgeError, or OSError once nobody reads the answers."""
    folder = Path(job["folder"])

    def report(phase: str, share: float) -> None:
        answers.write(json.dumps({"phase": phase, "share": share}) + "\n")
        answers.flush()

    options = CompileOptions(
        target=parse_target(job["target"]),
        batch=job["batch"],
        workspace_mb=job["workspace_mb"],
        dla=job["dla"],
        timing_cache=(folder / "timing.in").read_bytes(),
    )
    flavour = load_flavour(job["flavour"])
    try:
        compiled = compile_graph(flavour, (folder / "graph.onnx").read_bytes(), options, report)
    except MemoryError as error:
        raise EngineError(
            "TensorRT ran out of memory", fix="close other programs, or give a smaller --batch or --workspace"
        ) from error
    for name, data in (("timing.out", compiled.timing_cache), ("engine", compiled.engine)):
        try:
            inside(folder, name).write_bytes(data)
        except OSError as error:
            raise cannot_write(folder / name, error) from error


def main() -> int:
    """Read the job, do it, and say how it ended."""
    # TensorRT and its libraries may print: their words go where a person looks, the answers stay clean.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        try:
            work(json.load(sys.stdin), answers)
        except VadEdgeError as error:
            answer = {"what": error.what, "where": error.where, "fix": error.fix}
            answers.write(json.dumps({"error": answer}) + "\n")
            return 1
        answers.write(json.dumps({"done": True}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
