"""Which engine runs a bundle here: candidates in order, each with its reason when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.bundle.verdict import Verdict
from vad_edge.errors import EngineError
from vad_edge.inference.engine import Engine
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine, onnxruntime_fits


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to run a bundle: whether it can here at a precision, and how to open it.

    open takes the bundle, its precision (None for the fastest), the batch and the number of threads.
    """

    name: str
    fits: Callable[[Bundle, Precision | None], Verdict]
    open: Callable[[Bundle, Precision | None, int, int | None], Engine]


def _open_onnxruntime(bundle: Bundle, precision: Precision | None, batch: int, threads: int | None) -> Engine:
    return OnnxRuntimeEngine(bundle, bundle.graph(precision, "onnxruntime"), batch, threads)


BACKENDS: Final = (Backend("onnxruntime", onnxruntime_fits, _open_onnxruntime),)
"""All there are, the one to prefer first."""


def open_engine(
    bundle: Bundle,
    *,
    batch: int,
    engine: str = "auto",
    precision: Precision | None = None,
    threads: int | None = None,
) -> Engine:
    """The first backend that can run `bundle`, or the one named by `engine`.

    batch is the number of cameras; precision is the fastest there is where None. Raises EngineError
    for a name there is no backend of, and where none can run the bundle, with the reason of each.
    """
    candidates = [backend for backend in BACKENDS if engine in ("auto", backend.name)]
    if not candidates:
        known = ", ".join(["auto", *(backend.name for backend in BACKENDS)])
        raise EngineError(f"there is no engine {engine!r}", fix=f"give one of {known}")
    refusals = []
    for backend in candidates:
        verdict = backend.fits(bundle, precision)
        if verdict.ok:
            return backend.open(bundle, precision, batch, threads)
        refusals.append(f"{backend.name}: {verdict.reason}" + (f"; {verdict.fix}" if verdict.fix else ""))
    raise EngineError("no engine can run it (" + "), (".join(refusals) + ")", where=str(bundle.path))
