"""Which engine runs a bundle here: candidates in order, each with its reason when it cannot."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.common.plugin_loader import ENGINES, load, names
from vad_edge.common.verdict import Verdict
from vad_edge.errors import BundleError, EngineError
from vad_edge.inference.engine import Engine
from vad_edge.inference.foreign import ForeignBackend
from vad_edge.inference.onnxruntime_engine import (
    CPU,
    CUDA,
    TENSORRT,
    OnnxRuntimeEngine,
    Provider,
    provider_fits,
    provider_graph,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to run a bundle: whether it can here at a precision, and how to open it.

    graph takes the bundle, its precision (None for the fastest) and the batch, and tells what open would run
    as far as is known without opening; BundleError where there is none. open takes the number of threads too.
    """

    name: str
    fits: Callable[[Bundle, Precision | None], Verdict]
    graph: Callable[[Bundle, Precision | None, int], Graph]
    open: Callable[[Bundle, Precision | None, int, int | None], Engine]


def _onnxruntime(name: str, provider: Provider) -> Backend:
    def open_(bundle: Bundle, precision: Precision | None, batch: int, threads: int | None) -> Engine:
        graph = provider_graph(bundle, precision, provider)
        return OnnxRuntimeEngine(bundle, graph, batch, threads, provider)

    return Backend(
        name,
        lambda bundle, precision: provider_fits(bundle, precision, provider),
        lambda bundle, precision, batch: provider_graph(bundle, precision, provider),
        open_,
    )


# TensorRT's modules are imported when it is asked for: most machines have no use for them.
def _tensorrt_fits(bundle: Bundle, precision: Precision | None) -> Verdict:
    from vad_edge.inference.tensorrt.backend import tensorrt_fits

    return tensorrt_fits(bundle, precision)


def _tensorrt_graph(bundle: Bundle, precision: Precision | None, batch: int) -> Graph:
    from vad_edge.inference.tensorrt.backend import tensorrt_graph

    return tensorrt_graph(bundle, precision, batch)


def _open_tensorrt(bundle: Bundle, precision: Precision | None, batch: int, threads: int | None) -> Engine:
    from vad_edge.inference.tensorrt.backend import open_tensorrt

    return open_tensorrt(bundle, precision, batch, threads)


LAST_RESORT: Final = "onnxruntime"
"""The backend that needs nothing but a CPU."""

BACKENDS: Final = (
    Backend("tensorrt", _tensorrt_fits, _tensorrt_graph, _open_tensorrt),
    _onnxruntime("onnxruntime-tensorrt", TENSORRT),
    _onnxruntime("onnxruntime-cuda", CUDA),
    _onnxruntime(LAST_RESORT, CPU),
)
"""Our own, the one to prefer first; ``auto`` tries these and no plug-in."""


def open_engine(
    bundle: Bundle,
    *,
    batch: int,
    engine: str = "auto",
    precision: Precision | None = None,
    threads: int | None = None,
) -> Engine:
    """The first backend that can run `bundle`, or the one named by `engine`.

    batch is the number of cameras; precision is the fastest there is where None. With ``auto`` a backend that
    should fit but cannot be opened is passed over with a warning. Raises BundleError for a precision that the
    bundle does not have; PluginError for a plug-in that is broken; EngineError for a name there is no backend
    of, with the reason of the one that was named, and with the reason of each where none is left.
    """
    there = dict.fromkeys(graph.precision for graph in bundle.manifest.graphs)
    if precision is not None and precision not in there:
        raise BundleError(
            f"it has no {precision} graph, only {', '.join(there)}",
            where=str(bundle.path),
            fix="`vad-edge quantize` adds fp16 and int8, but none that loses too much",
        )
    if engine != "auto":
        return _open_named(engine, bundle, precision, batch, threads)
    refusals = []
    for backend in BACKENDS:
        verdict = backend.fits(bundle, precision)
        if not verdict.ok:
            refusals.append(f"{backend.name}: {verdict.reason}" + (f"; {verdict.fix}" if verdict.fix else ""))
            continue
        try:
            return backend.open(bundle, precision, batch, threads)
        except EngineError as error:
            _log.warning("engine %s is passed over: %s", backend.name, error)
            refusals.append(f"{backend.name}: {error}")
    raise EngineError("no engine can run it (" + "), (".join(refusals) + ")", where=str(bundle.path))


def engine_verdicts(bundle: Bundle) -> list[tuple[str, Verdict]]:
    """Every backend by name, the one to prefer first, and whether it can run `bundle` here.

    Nothing is opened or compiled, so one that says yes may still fail to open.
    """
    return [(backend.name, backend.fits(bundle, None)) for backend in BACKENDS]


def runnable_precisions(bundle: Bundle, engine: str = "auto") -> list[Precision]:
    """Those of `bundle` that the named backend, any with ``auto``, can run here, in the bundle's order.

    Nothing is opened or compiled. Raises EngineError for a name there is no backend of.
    """
    backends = BACKENDS if engine == "auto" else (_named(engine),)
    there = dict.fromkeys(graph.precision for graph in bundle.manifest.graphs)
    return [precision for precision in there if any(each.fits(bundle, precision).ok for each in backends)]


def graph_of(name: str, bundle: Bundle, *, batch: int) -> Graph:
    """The graph of `bundle` that the backend called `name` runs for so many cameras; nothing is opened.

    Raises EngineError for a name there is no backend of, BundleError where the bundle has no graph for it.
    """
    return _named(name).graph(bundle, None, batch)


def _open_named(
    engine: str, bundle: Bundle, precision: Precision | None, batch: int, threads: int | None
) -> Engine:
    backend = _named(engine)
    verdict = backend.fits(bundle, precision)
    if not verdict.ok:
        raise EngineError(
            f"{engine} cannot run it: {verdict.reason}", where=str(bundle.path), fix=verdict.fix
        )
    return backend.open(bundle, precision, batch, threads)


def _named(engine: str) -> Backend:
    own = next((backend for backend in BACKENDS if backend.name == engine), None)
    if own is not None:
        return own
    plugin = load(ENGINES, engine)
    if plugin is None:
        known = ", ".join(["auto", *(backend.name for backend in BACKENDS), *names(ENGINES)])
        raise EngineError(f"there is no engine {engine!r}", fix=f"give one of {known}")
    foreign = ForeignBackend(engine, plugin)
    return Backend(engine, foreign.fits, foreign.graph, foreign.open)
