"""The TensorRT backend: whether it can run a bundle here, and the opening of its fastest engine."""

from __future__ import annotations

import importlib.util
import json
import logging
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.common.files import write_atomically
from vad_edge.common.verdict import Verdict
from vad_edge.errors import BundleError, EngineError
from vad_edge.inference.engine import Engine
from vad_edge.inference.tensorrt.cache import EngineCache
from vad_edge.inference.tensorrt.compiler import CompileOptions
from vad_edge.inference.tensorrt.cuda import INSTALL, PACKAGES
from vad_edge.inference.tensorrt.device import local_device
from vad_edge.inference.tensorrt.engine_file import EngineKey
from vad_edge.inference.tensorrt.library import (
    LOCAL,
    capabilities_of,
    load_flavour,
    parse_target,
    target_fits,
)
from vad_edge.inference.tensorrt.loader import graph_key, load_engine

_log = logging.getLogger(__name__)
CONTENDERS: Final[tuple[Precision, ...]] = ("int8", "fp16")
"""Precisions of which either may be the faster one; INT8 is not always, on small graphs on Orin."""
TIMED_STEPS: Final = 50
_UNTIMED_STEPS: Final = 5
_NO_GPU: Final = (
    "see that the GPU's driver answers (nvidia-smi, on a Jetson tegrastats), or give --engine onnxruntime"
)


def tensorrt_fits(bundle: Bundle, precision: Precision | None) -> Verdict:
    """Whether TensorRT can run the bundle here at this precision, or at any; nothing is compiled.

    The cheap questions come first: TensorRT itself is only imported where there is a GPU for it.
    """
    try:
        bundle.graph(precision, "tensorrt")
    except BundleError as error:
        return Verdict(False, error.what, error.fix)
    if not any(_installed(name) for name in PACKAGES):
        return Verdict(False, "no Python package for CUDA is installed", INSTALL)
    try:
        local_device()
    except EngineError as error:
        return Verdict(False, error.what, _NO_GPU)
    try:
        flavour = load_flavour()
    except EngineError as error:
        return Verdict(False, error.what, error.fix)
    return target_fits(parse_target(LOCAL), capabilities_of(flavour.module))


def tensorrt_graph(
    bundle: Bundle, precision: Precision | None, batch: int, *, cache: EngineCache | None = None
) -> Graph:
    """The graph `open_tensorrt` runs; where two are yet to be timed, the one the bundle names first.

    Raises BundleError or EngineError.
    """
    if precision is None:
        options = CompileOptions(parse_target(LOCAL), batch=batch)
        path = _choice_path(bundle, options, cache or EngineCache())
        precision = None if path is None else _read_choice(path)
    return bundle.graph(precision, "tensorrt")


def open_tensorrt(
    bundle: Bundle,
    precision: Precision | None,
    batch: int,
    threads: int | None,
    *,
    cache: EngineCache | None = None,
) -> Engine:
    """An engine of the bundle on this machine's GPU, from the cache, or compiled first, which takes minutes.

    Without a precision, INT8 and FP16 are both compiled and timed where the bundle has both, and the faster
    is taken; which that was is kept beside the engines. threads is ignored: a GPU has none to give.
    Raises BundleError or EngineError.
    """
    if batch < 1:
        raise EngineError(f"a batch of {batch} cameras", fix="give 1 or more")
    cache = cache or EngineCache()
    options = CompileOptions(parse_target(LOCAL), batch=batch)
    if precision is not None:
        return load_engine(bundle, precision, options, cache)
    path = _choice_path(bundle, options, cache)
    if path is None:
        return load_engine(bundle, bundle.graph(None, "tensorrt").precision, options, cache)
    known = _read_choice(path)
    if known is not None:
        return load_engine(bundle, known, options, cache)
    return _open_fastest(bundle, options, cache, path)


def fastest(seconds: Mapping[Precision, float]) -> Precision:
    """The precision whose steps take the least time; of equal ones the earlier in `CONTENDERS`."""
    return min((precision for precision in CONTENDERS if precision in seconds), key=lambda it: seconds[it])


def choice_name(keys: list[EngineKey]) -> str:
    """The name of the file that remembers which of these engines is the fastest."""
    return "-".join(key.digest() for key in keys) + ".choice.json"


def seconds_per_step(engine: Engine, steps: int = TIMED_STEPS) -> float:
    """The median time of a step; the engine's state is as it was afterwards. Raises EngineError."""
    before = engine.snapshot()
    took = []
    for _ in range(_UNTIMED_STEPS + steps):
        began = time.perf_counter()
        engine.step()
        took.append(time.perf_counter() - began)
    engine.restore(before)
    return statistics.median(took[_UNTIMED_STEPS:])


def _open_fastest(bundle: Bundle, options: CompileOptions, cache: EngineCache, path: Path) -> Engine:
    """Open and time every contender, keep the fastest open, and remember it.

    One that fails is not tried at the next start either: a build that fails may take minutes to do so.
    """
    engines: dict[Precision, Engine] = {}
    seconds: dict[Precision, float] = {}
    failures = []
    try:
        for precision in CONTENDERS:
            try:
                engines[precision] = load_engine(bundle, precision, options, cache)
                seconds[precision] = seconds_per_step(engines[precision])
            except EngineError as error:
                _log.warning("TensorRT cannot run the %s graph: %s", precision, error)
                failures.append(f"{precision}: {error}")
        if not seconds:
            raise EngineError(f"TensorRT can run none of its graphs ({'), ('.join(failures)})")
        winner = fastest(seconds)
        _log.info("TensorRT takes %s: %s", winner, _in_words(seconds))
        if failures:
            _log.warning("the other is not tried again unless you delete %s", path)
        _write_choice(path, winner, seconds)
        return engines.pop(winner)
    finally:
        for engine in engines.values():
            engine.close()


def _choice_path(bundle: Bundle, options: CompileOptions, cache: EngineCache) -> Path | None:
    """Where it is kept which of its graphs is the fastest; None where the bundle leaves no choice."""
    graphs = [found for wanted in CONTENDERS if (found := _graph(bundle, wanted)) is not None]
    if len(graphs) < len(CONTENDERS):
        return None
    return cache.folder / choice_name([graph_key(bundle, graph, options) for graph in graphs])


def _graph(bundle: Bundle, precision: Precision) -> Graph | None:
    try:
        return bundle.graph(precision, "tensorrt")
    except BundleError:
        return None


def _read_choice(path: Path) -> Precision | None:
    """What was chosen before; None where nothing was, or the file cannot be understood."""
    try:
        chosen = json.loads(path.read_bytes())["precision"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, TypeError, KeyError) as error:
        _log.warning("%s cannot be read: %s; the engines are timed again", path, error)
        return None
    return next((precision for precision in CONTENDERS if precision == chosen), None)


def _write_choice(path: Path, winner: Precision, seconds: Mapping[Precision, float]) -> None:
    choice = {"precision": winner, "seconds_per_step": dict(seconds)}
    try:
        write_atomically(path, json.dumps(choice).encode())
    except OSError as error:
        _log.warning("%s cannot be written: %s; the engines are timed again next time", path, error)


def _in_words(seconds: Mapping[Precision, float]) -> str:
    return ", ".join(f"{precision} {took * 1000:.2f} ms" for precision, took in seconds.items())


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # its parent package is missing, or is something else
        return False
