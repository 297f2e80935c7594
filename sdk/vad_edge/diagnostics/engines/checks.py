"""Doing one step of a check, whatever comes of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Final

from vad_edge.diagnostics.engines import engine_checks, gpu_checks
from vad_edge.diagnostics.engines.job import Found, Job, NotHere
from vad_edge.diagnostics.engines.plan import AHEAD_TARGET, CheckStep, Result
from vad_edge.errors import VadEdgeError

CHECKS: Final[Mapping[str, Callable[[Job, CheckStep], Found]]] = {
    "machine": gpu_checks.machine,
    "import TensorRT": gpu_checks.import_tensorrt,
    "find the GPU": gpu_checks.find_gpu,
    "compile": gpu_checks.compile_here,
    "load and one step": engine_checks.load_and_step,
    "100 steps beside fp32": engine_checks.beside_reference,
    "snapshot and restore": engine_checks.snapshot_and_restore,
    "time": engine_checks.time_it,
    "start": engine_checks.start_it,
    "DLA cores": gpu_checks.count_dla,
    "compile for the DLA": gpu_checks.compile_dla,
    f"compile ahead for {AHEAD_TARGET}": gpu_checks.compile_ahead,
}


def do_step(job: Job, step: CheckStep) -> Result:
    """Do one step; whatever happens in it is its result, and never an error."""
    began = time.perf_counter()
    try:
        found = CHECKS[step.check](job, step)
    except NotHere as reason:
        result = Result(step, "skipped", str(reason))
    except VadEdgeError as error:
        result = Result(step, "failed", error.what, error.fix)
    except Exception as error:  # whatever a library raises is what the report is for
        result = Result(step, "failed", f"{type(error).__name__}: {error}")
    else:
        result = Result(step, "ok", found.text, figures=found.figures)
    return dataclasses.replace(result, seconds=round(time.perf_counter() - began, 3))
