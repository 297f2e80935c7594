"""The whole check: every step in turn, and the report on disk after each, whatever may happen next."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vad_edge.bundle.archive import read_bundle
from vad_edge.common.explain import system_errors_as
from vad_edge.common.files import write_atomically
from vad_edge.diagnostics.engines.job import Job
from vad_edge.diagnostics.engines.plan import CheckStep, Result, plan_steps, run_steps
from vad_edge.diagnostics.engines.report import make_report
from vad_edge.diagnostics.engines.worker import do_step_apart
from vad_edge.errors import ConfigError
from vad_edge.inference.select import BACKENDS, LAST_RESORT


def check_engines(
    path: Path,
    output: Path,
    *,
    execute: Callable[[Job, CheckStep], Result] = do_step_apart,
    on_begin: Callable[[CheckStep, int, int], None] = lambda step, done, steps: None,
) -> dict[str, Any]:
    """Try every engine with the bundle at `path`, write the report to `output`, and give it.

    on_begin gets each step, how many are done and how many there are. Engines are compiled into a folder
    that is gone afterwards. Raises BundleError for the bundle, ConfigError where the report cannot be
    written, and nothing for whatever fails in a step.
    """
    bundle = read_bundle(path)
    steps = plan_steps([backend.name for backend in BACKENDS], LAST_RESORT)
    day = datetime.now(timezone.utc).date()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="vad-edge-check-") as folder:
        places = (path.resolve(), Path(folder), Path.home(), Path.cwd(), Path(sys.prefix))
        # A name without a suffix may be any word.
        names = (str(path), path.name) if path.suffix else ()
        private = {*names, *(str(place) for place in places)} - {"/"}

        def report() -> dict[str, Any]:
            complete = len(results) == len(steps)
            return make_report(bundle, results, day=day, complete=complete, private=private)

        def keep(so_far: list[Result]) -> None:
            results[:] = so_far
            with system_errors_as(ConfigError, "cannot be written", output, fix="give --report FILE"):
                write_atomically(output, (json.dumps(report(), indent=2) + "\n").encode())

        keep([])
        job = Job(path.resolve(), Path(folder))
        run_steps(
            steps,
            lambda step: execute(job, step),
            on_begin=lambda step: on_begin(step, len(results), len(steps)),
            on_end=keep,
        )
        return report()
