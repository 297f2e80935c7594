"""The process that one step runs in, so that a crash of TensorRT or a driver is a result and not the end."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from vad_edge.common.process import Progress, answer_job, ask_process
from vad_edge.diagnostics.engines.job import Job
from vad_edge.diagnostics.engines.plan import CheckStep, Result
from vad_edge.errors import EngineError

WORKER: Final = (sys.executable, "-m", "vad_edge.diagnostics.engines.worker")
BUILD_TIMEOUT_S: Final = 3600.0
TIMEOUT_S: Final = 900.0


def do_step_apart(job: Job, step: CheckStep) -> Result:
    """Do one step in a process of its own; one that crashes or hangs has failed."""
    alone = asdict(CheckStep(step.check, step.engine, step.precision, step.cameras))
    del alone["needs"]
    question = {"bundle": str(job.bundle), "engines": str(job.engines), "step": alone}
    timeout_s = BUILD_TIMEOUT_S if "compile" in step.check else TIMEOUT_S
    try:
        answer = ask_process(WORKER, question, timeout_s=timeout_s)
    except EngineError as error:
        return Result(step, "failed", error.what)
    return Result(step, **{name: answer[name] for name in ("state", "text", "fix", "seconds", "figures")})


def _work(question: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from vad_edge.diagnostics.engines.checks import do_step

    job = Job(Path(question["bundle"]), Path(question["engines"]))
    return do_step(job, CheckStep(**question["step"])).to_dict()


if __name__ == "__main__":
    answer_job(_work)
