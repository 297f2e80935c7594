"""The process that a build runs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vad_edge.common.paths import inside
from vad_edge.common.process import Progress, answer_job
from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.compiler import CompileOptions, compile_graph
from vad_edge.inference.tensorrt.engine_file import cannot_write
from vad_edge.inference.tensorrt.library import load_flavour, parse_target


def work(job: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Do one job of `build`: the engine and the timing cache are left in its folder. Raises VadEdgeError."""
    folder = Path(job["folder"])

    def report(phase: str, share: float) -> None:
        progress({"phase": phase, "share": share})

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
    return {}


if __name__ == "__main__":
    answer_job(work)
