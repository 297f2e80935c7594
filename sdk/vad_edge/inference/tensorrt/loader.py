"""From a bundle's graph to an engine that runs here: compiled where needed, once more where refused."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.common.jetson import driver_version
from vad_edge.errors import ConfigError, EngineError
from vad_edge.inference.tensorrt.build import build_engine
from vad_edge.inference.tensorrt.cache import EngineCache
from vad_edge.inference.tensorrt.compiler import CompileOptions
from vad_edge.inference.tensorrt.cuda import open_cuda
from vad_edge.inference.tensorrt.device import local_device
from vad_edge.inference.tensorrt.engine import EngineRefusedError, TensorRtEngine
from vad_edge.inference.tensorrt.engine_file import EngineKey, read_engine, write_engine
from vad_edge.inference.tensorrt.library import Flavour, capabilities_of, load_flavour, target_fits
from vad_edge.inference.tensorrt.progress import Report


@dataclass(frozen=True, slots=True)
class Prepared:
    """An engine that is ready; bytes and sha256 are those of the engine in the file `output`."""

    output: str
    bytes: int
    seconds: float
    sha256: str
    precision: str
    target: str
    flavour: str
    version: str
    batch: int
    cached: bool


def prepare_engine(
    bundle: Bundle,
    options: CompileOptions,
    report: Report,
    *,
    precision: Precision | None = None,
    output: Path | None = None,
    cache: EngineCache | None = None,
) -> Prepared:
    """Compile a graph of `bundle`, of the smallest precision it has for TensorRT unless one is given.

    With an `output` the engine is always compiled, and written there; without, it is looked up in the
    cache first, and kept there. Raises BundleError, ConfigError or EngineError.
    """
    began = time.monotonic()
    cache = cache or EngineCache()
    graph = bundle.graph(precision=precision, backend="tensorrt")
    if options.dla and graph.precision == "fp32":
        raise ConfigError(
            "a DLA does not compute in fp32", where="--dla", fix="give --precision fp16 or int8"
        )
    if output is not None and not output.parent.is_dir():
        raise ConfigError("its folder is not there", where=str(output), fix=f"mkdir -p {output.parent}")
    flavour = load_flavour(options.target.flavour)
    verdict = target_fits(options.target, capabilities_of(flavour.module))
    if not verdict.ok:
        raise EngineError(verdict.reason, fix=verdict.fix)
    key = engine_key(bundle.manifest.members[graph.member], graph.precision, flavour, options)
    place = (key.flavour, key.flavour_version, key.device)
    built = False

    def build() -> bytes:
        nonlocal built
        built = True
        timed = replace(options, timing_cache=cache.timing_cache(*place))
        compiled = build_engine(flavour.name, bundle.member(graph.member), timed, report)
        if compiled.timing_cache:
            cache.keep_timing_cache(*place, compiled.timing_cache)
        return compiled.engine

    if output is None:
        engine = cache.get_or_build(key, build)
    else:
        engine = build()
        write_engine(output, key, engine)
    return Prepared(
        output=str(output or cache.path(key)),
        bytes=len(engine),
        seconds=round(time.monotonic() - began, 3),
        sha256=hashlib.sha256(engine).hexdigest(),
        precision=graph.precision,
        target=options.target.name,
        flavour=flavour.name,
        version=flavour.version,
        batch=options.batch,
        cached=not built,
    )


def engine_key(
    graph_sha256: str, precision: Precision, flavour: Flavour, options: CompileOptions
) -> EngineKey:
    """The key of an engine compiled so. Raises EngineError where the target is local and no GPU is here."""
    target = options.target
    if target.ahead_of_time:
        device, capability, driver = target.name, target.capability, ""
    else:
        facts = local_device()
        device, capability, driver = facts.label, facts.capability, driver_version()
    return EngineKey(
        graph_sha256=graph_sha256,
        precision=precision,
        flavour=flavour.name,
        flavour_version=flavour.version,
        device=device,
        capability=capability,
        driver=driver,
        batch=options.batch,
        workspace_mb=options.workspace_mb,
        dla=options.dla,
    )


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
