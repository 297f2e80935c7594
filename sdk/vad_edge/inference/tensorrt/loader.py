"""From a bundle's graph to an engine that runs here: compiled where needed, once more where refused."""

from __future__ import annotations

import logging
import math

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.inference.tensorrt.cache import EngineCache
from vad_edge.inference.tensorrt.compiler import CompileOptions
from vad_edge.inference.tensorrt.cuda import open_cuda
from vad_edge.inference.tensorrt.engine import EngineRefusedError, TensorRtEngine
from vad_edge.inference.tensorrt.engine_file import read_engine
from vad_edge.inference.tensorrt.flavour import load_flavour
from vad_edge.inference.tensorrt.key import EngineKey
from vad_edge.inference.tensorrt.phases import Report
from vad_edge.inference.tensorrt.prepare import engine_key, prepare_engine

_log = logging.getLogger(__name__)


def load_engine(
    bundle: Bundle, precision: Precision, options: CompileOptions, cache: EngineCache
) -> TensorRtEngine:
    """The engine of the bundle's graph of this precision, from the cache or compiled, and loaded.

    One from the cache that is whole, and that TensorRT refuses all the same, is set aside and compiled
    again, once. Raises BundleError or EngineError.
    """
    graph = bundle.graph(precision, "tensorrt")
    key = graph_key(bundle, graph, options)
    if not cache.path(key).exists():
        _log.warning("TensorRT compiles the %s graph for this GPU; that takes minutes, once", precision)
    cached = _prepare(bundle, precision, options, cache)
    sha256 = read_engine(cache.path(key)).sha256
    try:
        return _load(bundle, graph, options, cache, key)
    except EngineRefusedError as error:
        if not cached or not cache.set_aside(key, sha256):
            raise
        _log.warning("the engine is set aside and compiled again, which takes minutes: %s", error.what)
    _prepare(bundle, precision, options, cache)
    engine = _load(bundle, graph, options, cache, key)
    cache.forget_refused(key)
    return engine


def graph_key(bundle: Bundle, graph: Graph, options: CompileOptions) -> EngineKey:
    """The key of the engine of one of the bundle's graphs. Raises EngineError as `engine_key` does."""
    sha256 = bundle.manifest.members[graph.member]
    return engine_key(sha256, graph.precision, load_flavour(options.target.flavour), options)


def _prepare(bundle: Bundle, precision: Precision, options: CompileOptions, cache: EngineCache) -> bool:
    """Have the engine compiled if it is not in the cache; whether it was."""
    return prepare_engine(bundle, options, _progress(precision), precision=precision, cache=cache).cached


def _load(
    bundle: Bundle, graph: Graph, options: CompileOptions, cache: EngineCache, key: EngineKey
) -> TensorRtEngine:
    stored, kernels = read_engine(cache.path(key)), cache.kernels(key)
    engine = TensorRtEngine(bundle, graph, options.batch, stored.engine, load_flavour(), open_cuda(), kernels)
    if engine.kernels not in (b"", kernels):
        cache.keep_kernels(key, engine.kernels)
    return engine


def _progress(precision: Precision) -> Report:
    """Tells the log of every tenth of a build."""
    told = 0

    def report(phase: str, share: float) -> None:
        nonlocal told
        tenths = math.floor(share * 10)
        if tenths > told:
            told = tenths
            _log.info("compiling the %s graph: %d %%", precision, tenths * 10)

    return report
